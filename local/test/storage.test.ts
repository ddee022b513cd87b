import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TableClient } from "@azure/data-tables";
import { generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureCertificates, type LocalCertificates } from "../certificates/certificates.ts";
import { startStorage, type Storage } from "../storage/storage.ts";

const TENANT = "11111111-1111-1111-1111-111111111111";
const { privateKey } = await generateKeyPair("RS256");
const log: string[] = [];
let folder: string;
let certificates: LocalCertificates;
let ca: string;
let storage: Storage;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "storage-"));
  certificates = await ensureCertificates(join(folder, "certificates"));
  ca = await readFile(certificates.caFile, "utf8");
  storage = await start("tables");
});
afterAll(async () => {
  await storage.stop();
  await rm(folder, { recursive: true });
});

function start(name: string, port = 0): Promise<Storage> {
  const accounts = ["callerstore", "calleestore"];
  return startStorage({ folder: join(folder, name), certificates, accounts, port, log: (line) => log.push(line) });
}

/** A v1.0 token as the managed identity endpoint issues it; a claim set to undefined is left out. */
function accessToken(changes: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const lifetime = { iat: now, nbf: now - 60, exp: now + 3_600 };
  const issued = { iss: `https://sts.windows.net/${TENANT}/`, aud: "https://storage.azure.com", ...lifetime };
  return new SignJWT({ ...issued, ...changes }).setProtectedHeader({ alg: "RS256" }).sign(privateKey);
}

function tableOf(store: Storage, account = "calleestore"): TableClient {
  const credential = {
    getToken: async () => ({ token: await accessToken(), expiresOnTimestamp: Date.now() + 3_600_000 }),
  };
  return new TableClient(store.endpoint(account), "Records", credential, { tlsOptions: { ca } });
}

async function listTables(headers: Record<string, string>, account = "calleestore"): Promise<number | undefined> {
  const accepting = { Accept: "application/json;odata=nometadata", ...headers };
  const asked = request(`${storage.endpoint(account)}/Tables`, { ca, headers: accepting }).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

const row = (rowKey: string, changes: object = {}) => ({ partitionKey: "records", rowKey, ...changes });
const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("requests that carry no token for storage are refused", () => {
  it("without credentials", async () => {
    expect(await listTables({})).toBe(403);
  });

  it("with a shared key that nobody knows", async () => {
    const signature = Buffer.alloc(32).toString("base64");
    const headers = { Authorization: `SharedKeyLite calleestore:${signature}`, "x-ms-date": new Date().toUTCString() };
    expect(await listTables(headers)).toBe(400);
  });

  it.each([
    ["for another audience", { aud: "api://other" }],
    ["of another issuer", { iss: "https://issuer.example/" }],
    ["that is a v2.0 token", { iss: `https://login.microsoftonline.com/${TENANT}/v2.0` }],
    ["that has expired", { exp: 1 }],
    ["that is not valid yet", { nbf: Math.floor(Date.now() / 1000) + 600 }],
    ["without nbf", { nbf: undefined }],
    ["without exp", { exp: undefined }],
    ["without iat", { iat: undefined }],
    ["for another account's address", { aud: "https://callerstore.table.core.windows.net" }],
  ])("with a token %s", async (_, changes) => {
    expect(await listTables({ Authorization: `Bearer ${await accessToken(changes)}` })).toBe(403);
  });

  it("for an account that is not one of ours, such as the well-known one", async () => {
    expect(await listTables({ Authorization: `Bearer ${await accessToken()}` }, "devstoreaccount1")).toBe(404);
  });
});

describe("a token for storage", () => {
  it.each([
    "https://storage.azure.com",
    "https://storage.azure.com/",
    "https://calleestore.table.core.windows.net",
    "e406a681-f3d4-42a8-90b6-c2b029497af1",
  ])("with audience %s is accepted", async (aud) => {
    expect(await listTables({ Authorization: `Bearer ${await accessToken({ aud })}` })).toBe(200);
  });

  it("makes an entity-group transaction whole or not at all", async () => {
    const table = tableOf(storage);
    await table.createTable();
    await table.createEntity(row("item", { amount: 5 }));
    const { etag } = await table.getEntity("records", "item");

    const take = (partId: string) =>
      table.submitTransaction([
        ["update", row("item", { amount: 4 }), "Merge", { etag }],
        ["create", row(partId, { quantity: 1 })],
      ]);
    await take("part-1");
    await expect(take("part-2")).rejects.toMatchObject({ statusCode: 412 });
    await expect(table.getEntity("records", "part-2")).rejects.toMatchObject({ statusCode: 404 });

    const duplicate = table.submitTransaction([
      ["update", row("item", { amount: 0 }), "Merge"],
      ["create", row("part-1", { quantity: 9 })],
    ]);
    await expect(duplicate).rejects.toMatchObject({ statusCode: 409 });
    expect(await table.getEntity("records", "item")).toMatchObject({ amount: 4 });
    expect(await table.getEntity("records", "part-1")).toMatchObject({ quantity: 1 });
  });

  it("sees the tables of one account only", async () => {
    await expect(tableOf(storage, "callerstore").getEntity("records", "item")).rejects.toMatchObject({
      statusCode: 404,
    });
  });
});

describe("stopping", () => {
  it("keeps what was written just before for the next start, on the same port", async () => {
    const first = await start("kept");
    await tableOf(first).createTable();
    await tableOf(first).createEntity(row("item", { amount: 7 }));
    await first.stop();
    await first.stop();

    const second = await start("kept", first.port);
    expect(await tableOf(second).getEntity("records", "item")).toMatchObject({ amount: 7 });
    await second.stop();
    expect(log).toEqual([]);
  });

  it("leaves no process behind, and none when the parent is killed", async () => {
    for (const end of ["stop", "kill"]) {
      const { parent, pid, send } = await startInParent(end);
      expect(isRunning(pid)).toBe(true);
      send(end);
      await once(parent, "exit");
      await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
    }
  });

  it("saves what was written even when the parent is killed", async () => {
    const { parent, port } = await startInParent("saved");
    const table = tableOf({ ...storage, endpoint: (account) => `https://127.0.0.1:${port}/${account}` });
    await table.createTable();
    await table.createEntity(row("item", { amount: 3 }));
    parent.kill("SIGKILL");
    await expect
      .poll(() => readFile(join(folder, "saved", "__azurite_db_table__.json"), "utf8"))
      .toContain('"amount":3');
  });
});

describe("starting", () => {
  it("says which port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    await expect(start("taken", port)).rejects.toThrow(`In use by another program: port ${port} (storage).`);
    other.close();
  });

  it("fails soon, and says why in the log, when Azurite cannot start", async () => {
    const missing = { certFile: join(folder, "none.pem"), keyFile: certificates.keyFile };
    const failure = startStorage({
      folder: join(folder, "failed"),
      certificates: missing,
      accounts: ["callerstore"],
      log: (line) => log.push(line),
    });
    await expect(failure).rejects.toThrow(/did not start/);
    expect(log.splice(0).join()).toContain("none.pem");
  });

  it("refuses names that no storage account has", async () => {
    const named = (accounts: string[]) => startStorage({ folder, certificates, accounts, log: () => undefined });
    await expect(named([])).rejects.toThrow(/3 to 24/);
    await expect(named(["good", "Bad:key;other"])).rejects.toThrow(/"Bad:key;other"/);
  });
});

/** Starts storage from a process of its own, which can be killed. */
async function startInParent(name: string) {
  const options = { folder: join(folder, name), certificates, accounts: ["calleestore"] };
  const script = `
    import { startStorage } from ${JSON.stringify(new URL("../storage/storage.ts", import.meta.url).href)};
    const storage = await startStorage({ ...${JSON.stringify(options)}, log: console.error });
    console.log(JSON.stringify({ pid: storage.processId, port: storage.port }));
    for await (const line of process.stdin) {
      if (String(line).includes("kill")) process.kill(process.pid, "SIGKILL");
      await storage.stop();
      process.exit();
    }`;
  const parent = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const { pid, port } = JSON.parse(line.toString()) as { pid: number; port: number };
  return { parent, pid, port, send: (text: string) => parent.stdin.write(text) };
}
