/**
 * The process of one function app under the embedded host. It ends when the IPC channel closes, so it never outlives its
 * parent. The first message has the options, because a command line must have no secret; the second message stops the app.
 */
import { reasonOf } from "../../tools/command-line.ts";
import { type FunctionsHostOptions, startFunctionsHost } from "./functions-host.ts";

process.once("disconnect", () => process.exit(0));
process.once("message", (options: Omit<FunctionsHostOptions, "log">) => {
  const log = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  startFunctionsHost({ ...options, log }).then(
    (host) => {
      process.once("message", () => {
        void host.stop().then(() => process.exit(0));
      });
      process.send?.("ready");
    },
    (error: unknown) => {
      console.error(reasonOf(error));
      process.exit(1);
    },
  );
});
