import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { type AzuriteProcess, startAzurite } from "./azurite.ts";

const ACCOUNT = "hoststorage";

export interface HostStorage {
  /** For the setting `AzureWebJobsStorage`. */
  readonly connectionString: string;
  readonly died: AzuriteProcess["died"];
  stop(): Promise<void>;
}

/**
 * Starts what the real Functions host keeps its own state in (the timers' schedule and lease): a plain Azurite with blobs,
 * queues and tables over HTTP on 127.0.0.1. No app of ours reads it. The ports are not Azurite's usual 10000 to 10002, so
 * that an Azurite which runs here already is left alone; the account's key is new at each start.
 *
 * @param folder where it is kept, from one start to the next
 * @param ports of the three services; 0 takes a free one
 */
export async function startHostStorage(
  folder: string,
  ports: { readonly blob: number; readonly queue: number; readonly table: number },
  log: (line: string) => void,
): Promise<HostStorage> {
  await mkdir(folder, { recursive: true });
  const key = randomBytes(64).toString("base64");
  const azurite = await startAzurite({
    services: "all",
    args: [
      ...["--location", folder, "--blobHost", "127.0.0.1", "--queueHost", "127.0.0.1", "--tableHost", "127.0.0.1"],
      ...["--blobPort", String(ports.blob), "--queuePort", String(ports.queue)],
      ...["--tablePort", String(ports.table)],
    ],
    accounts: `${ACCOUNT}:${key}`,
    log,
  });
  const [blob, queue, table] = azurite.ports.map((port) => `http://127.0.0.1:${port}/${ACCOUNT}`);
  const connectionString =
    `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${key};BlobEndpoint=${blob};` +
    `QueueEndpoint=${queue};TableEndpoint=${table};`;
  return { connectionString, died: azurite.died, stop: () => azurite.stop() };
}
