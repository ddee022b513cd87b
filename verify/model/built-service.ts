/** Builds a service, and loads it as the Functions host does. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { stage } from "../../tools/build.ts";
import { reasonOf } from "../../tools/command-line.ts";
import { isPrebuilt } from "../../tools/environment.mjs";
import { placeholderSettings, type RegisteredFunction, WorkerProcess } from "../../local/index.ts";
import type { ServiceName } from "@restricted-calls/shared/access-policy";

export interface Built {
  /** The file name of the entry point. It contains the digest of the package. */
  readonly entryPoint: string;
  readonly functions: readonly RegisteredFunction[];
}

const root = join(import.meta.dirname, "..", "..");
const manifest = v.object({ main: v.string() });
const built = new Map<string, Promise<Built>>();

/**
 * Builds once per process: the sources do not change meanwhile. In an artifact (PREBUILT=1), loads the deployed build.
 *
 * @throws Error with the reason if the service does not build
 */
export function builtService(name: string): Promise<Built> {
  const build = built.get(name) ?? buildAndLoad(name as ServiceName);
  built.set(name, build);
  return build;
}

async function buildAndLoad(name: ServiceName): Promise<Built> {
  const folder = isPrebuilt ? join(root, "dist", name) : await mkdtemp(join(tmpdir(), `verify-${name}-`));
  try {
    if (!isPrebuilt) await stage(name, folder);
    const settings = placeholderSettings(name);
    const worker = new WorkerProcess({ appFolder: folder, settings, inspectPort: undefined, log: () => undefined });
    try {
      const { functions } = await worker.start();
      const { main } = v.parse(manifest, JSON.parse(await readFile(join(folder, "package.json"), "utf8")));
      return { functions, entryPoint: main };
    } finally {
      await worker.stop();
    }
  } catch (error) {
    throw new Error(`This checkout's ${name} does not build, so there is nothing to compare with: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    if (!isPrebuilt) await rm(folder, { recursive: true, force: true });
  }
}
