/** npm run dev: rebuilds and restarts apps whose sources change, and watches the access policy. */
import type { ServiceName } from "@restricted-calls/shared/access-policy";
import { join } from "node:path";
import { watch } from "../../tools/build.ts";
import { reasonOf } from "../../tools/command-line.ts";
import { readPolicyFiles } from "../../tools/policy-mistakes.ts";
import type { LocalSystem } from "./system.ts";

export interface WatchOptions {
  readonly system: Pick<LocalSystem, "startApp" | "stopApp">;
  readonly apps: readonly ServiceName[];
  /** Where the apps are staged. */
  readonly appsFolder: string;
  /** The folder with the apps' sources; this repository by default. */
  readonly sources?: string;
  readonly log: (source: string, line: string) => void;
}

/** A running watch. `stop()` waits for a restart that is under way. */
export interface Watch {
  stop(): Promise<void>;
}

/**
 * Rebuilds an app when one of its sources is saved, and restarts it if its bundle has changed. While the sources do not build,
 * the old app keeps running. An app that cannot start waits for the next save.
 */
export async function watchApps(options: WatchOptions): Promise<Watch> {
  const { system, apps, appsFolder, sources, log } = options;
  await using starting = new AsyncDisposableStack();
  await Promise.all(
    apps.map(async (app) => {
      // One restart at a time, in the order of the builds.
      let restarts = Promise.resolve();
      const restart = async (): Promise<void> => {
        log(app, "Rebuilt: restarting ...");
        await system.stopApp(app);
        await system.startApp(app).then(
          () => {
            log(app, "Restarted.");
          },
          (error: unknown) => {
            log(app, `Does not start; waiting for the next change: ${reasonOf(error)}`);
          },
        );
      };
      const endWatch = await watch(
        app,
        join(appsFolder, app),
        (outcome) => {
          if (outcome === "failed") log(app, "Does not build, see above. The old app keeps running.");
          if (outcome === "changed") restarts = restarts.then(restart);
        },
        sources,
      );
      starting.defer(async () => {
        await endWatch();
        await restarts;
      });
    }),
  );
  const watches = starting.move();
  return { stop: () => watches.disposeAsync() };
}

export interface PolicyWatch {
  /** Resolves when the access policy or the service options have changed, and have no mistakes. */
  readonly changed: Promise<void>;
  stop(): void;
}

/**
 * Watches the access policy and the service options. Logs the mistakes in a saved change, and waits for the next one.
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
    if (found.mistakes.length > 0) log("policy", "The system keeps running with the old policy.");
    else if (now !== before) resolve(undefined);
  };
  // Polls, because editors replace files in ways that file events do not report on every operating system.
  const timer = setInterval(look, 300).unref();
  return {
    changed,
    stop: () => {
      clearInterval(timer);
    },
  };
}
