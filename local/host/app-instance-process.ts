/**
 * Runs one function app under the embedded host, for as long as the parent holds on to the IPC channel: no process is
 * left behind, however the parent ends. Its options come as the first message, so that no secret stands on a command
 * line; a second message asks it to end in an orderly way.
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
