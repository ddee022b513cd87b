/** Builds an app without its application layer, to test the network layer alone. */
import { join } from "node:path";
import { stage } from "../../tools/build.ts";

/**
 * Stages an app with the same code, but replaces its guard by `open-guard.ts`, which lets everybody in.
 *
 * @throws Error if the app has no guard to replace
 */
export async function stageWithoutGuard(app: string, folder: string): Promise<void> {
  const replaced: string[] = [];
  await stage(app, folder, [
    {
      name: "without-guard",
      setup: (build) => {
        build.onResolve({ filter: /^\.\/guard\.ts$/ }, ({ importer }) => {
          if (!/[\\/]functions[\\/](index|protected-app)\.ts$/.test(importer)) return undefined;
          replaced.push(importer);
          return { path: join(import.meta.dirname, "open-guard.ts") };
        });
      },
    },
  ]);
  if (replaced.length === 0) throw new Error(`${app} has no guard to replace: shared/functions/guard.ts.`);
}
