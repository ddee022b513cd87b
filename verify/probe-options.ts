/** How the command shows the probe of a deployment, and asks for it. */
import { createInterface } from "node:readline/promises";
import type { ProbeOptions } from "./deployed/probe/probe.ts";
import type { Progress } from "./progress.ts";

/** @param yes whether it is confirmed already */
export function probeOptions(yes: boolean, progress: Progress, signal: AbortSignal): ProbeOptions {
  return {
    signal,
    note: (line) => {
      progress.note(line);
    },
    async confirm(plan) {
      progress.note(plan);
      if (yes) return true;
      // Without its own terminal handling, Ctrl-C remains a signal to this process.
      const terminal = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
      // The end of the input, as by Ctrl-D, leaves the question open.
      const ended = new Promise<string>((resolve) => {
        terminal.once("close", () => {
          resolve("no");
        });
      });
      try {
        const answer = await Promise.race([terminal.question("Create it? (yes/no) ", { signal }), ended]);
        return /^y(es)?$/i.test(answer.trim());
      } finally {
        terminal.close();
      }
    },
  };
}
