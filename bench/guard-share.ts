/** Measures the share of the guard in a call. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { startFunctionsHost } from "../local/index.ts";
import type { Tenant } from "@restricted-calls/shared/testing/tenant";
import { measure, type Durations } from "./measure.ts";
import { temporaryFolder, writeFile } from "../tools/write-file.ts";

/** Nanoseconds of a call through the embedded host to the same function, without and with the guard. */
export async function measureGuard(tenant: Tenant, authorization: string): Promise<Durations<"open" | "guarded">> {
  await using started = new AsyncDisposableStack();
  const { folder } = started.adopt(temporaryFolder("restricted-calls-bench-"), ({ remove }) => {
    remove();
  });
  await build({
    entryPoints: [join(import.meta.dirname, "fixtures", "guarded-app.ts")],
    outfile: join(folder, "main.js"),
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["@azure/functions-core"],
  });
  await copyFile(join(import.meta.dirname, "..", "host.json"), join(folder, "host.json"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ main: "main.js" }));
  const host = started.adopt(
    await startFunctionsHost({
      appFolder: folder,
      port: 0,
      settings: {
        AUTHORITY: tenant.authority,
        TENANT_ID: tenant.tenantId,
        AUDIENCE: tenant.apiClientId,
        CALLER: tenant.callerId,
      },
      stateFolder: folder,
      log: () => undefined,
    }),
    (running) => running.stop(),
  );
  const call = (name: string) => async (times: number) => {
    for (let time = 0; time < times; time++) {
      const response = await fetch(`${host.url}/api/${name}`, { headers: { authorization } });
      await response.text();
      if (response.status !== 200) throw new Error(`${name} returned ${response.status}.`);
    }
  };
  return await measure({ open: call("open"), guarded: call("guarded") }, { rounds: 31, turnMs: 60 });
}
