import { stage } from "../../tools/build.ts";
import { join } from "node:path";

/**
 * Stages an app with its application layer switched off: the same code, with its guard replaced by one that lets
 * everybody in (`open-guard.ts`). It is for one purpose: to show what the network layer holds alone.
 *
 * @throws Error where the app has no such guard: nothing would be switched off
 */
export async function stageWithoutGuard(app: string, folder: string): Promise<void> {
  const replaced: string[] = [];
  await stage(app, folder, [
    {
      name: "without-guard",
      setup: (build) => {
        build.onResolve({ filter: /^\.\/guard\.ts$/ }, ({ importer }) => {
          if (!/[\\/]functions[\\/]index\.ts$/.test(importer)) return undefined;
          replaced.push(importer);
          return { path: join(import.meta.dirname, "open-guard.ts") };
        });
      },
    },
  ]);
  if (replaced.length === 0) throw new Error(`${app} has no guard to take out: shared/functions/guard.ts.`);
}
