import { join } from "node:path";
import { watch } from "../../tools/build.ts";
import { reasonOf } from "../../tools/command-line.ts";
import { readPolicyFiles } from "../../tools/policy-mistakes.ts";
import type { AppName } from "./app-settings.ts";
import type { LocalSystem } from "./system.ts";

export interface WatchOptions {
  readonly system: Pick<LocalSystem, "startApp" | "stopApp">;
  readonly apps: readonly AppName[];
  /** Where the apps are staged. */
  readonly appsFolder: string;
  /** The folder with the apps' sources; this repository where none is named. */
  readonly sources?: string;
  readonly log: (source: string, line: string) => void;
}

/**
 * Builds an app anew when one of its sources is saved, and restarts it where its bundle has changed. While the sources do
 * not build, the app that runs is left alone; one that cannot start waits for the next save.
 *
 * @returns ends the watch; bounded by a restart that is under way
 */
export async function watchApps(options: WatchOptions): Promise<() => Promise<void>> {
  const { system, apps, appsFolder, sources, log } = options;
  const ends = await Promise.all(
    apps.map(async (app) => {
      // One restart at a time, in the order of the builds.
      let restarts = Promise.resolve();
      const restart = async (): Promise<void> => {
        log(app, "Built anew: restarting ...");
        await system.stopApp(app);
        await system.startApp(app).then(
          () => {
            log(app, "Restarted.");
          },
          (error: unknown) => {
            log(app, `It does not start, and waits for the next change: ${reasonOf(error)}`);
          },
        );
      };
      const end = await watch(
        app,
        join(appsFolder, app),
        (outcome) => {
          if (outcome === "failed") log(app, "It does not build, see above: what runs is left as it is.");
          if (outcome === "changed") restarts = restarts.then(restart);
        },
        sources,
      );
      return async () => {
        await end();
        await restarts;
      };
    }),
  );
  return async () => {
    await Promise.all(ends.map((end) => end()));
  };
}

export interface PolicyWatch {
  /** Resolves when the access policy or the service options have changed, and have no mistakes. */
  readonly changed: Promise<void>;
  end(): void;
}

/**
 * Watches the access policy and the service options. Mistakes in a saved change are printed, and wait for the next one.
 *
 * @param root the folder of the repository
 */
export function watchPolicy(root: string, log: WatchOptions["log"]): PolicyWatch {
  const before = JSON.stringify(readPolicyFiles(root));
  let last = before;
  const { promise: changed, resolve } = Promise.withResolvers<undefined>();
  const look = (): void => {
    const found = readPolicyFiles(root);
    const now = JSON.stringify(found);
    if (now === last) return;
    last = now;
    for (const mistake of found.mistakes) log("policy", mistake);
    if (found.mistakes.length > 0) log("policy", "What runs is left as it is.");
    else if (now !== before) resolve(undefined);
  };
  // It reads them again and again: editors replace a file in ways that the events of one system or another do not show.
  const timer = setInterval(look, 300).unref();
  return {
    changed,
    end: () => {
      clearInterval(timer);
    },
  };
}
