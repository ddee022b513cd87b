/** The command `npm run chaos`. */
import { join } from "node:path";
import { command, stopSignal, UsageError, wholeNumber } from "../tools/command-line.ts";
import { temporaryFolder } from "../tools/write-file.ts";
import { type ChaosReport, runChaos } from "./chaos.ts";
import { all } from "./plan.ts";

const USAGE = `Usage: npm run chaos -- [--messages <number>] [--seed <number>] [--host <host>] [--help]

Submits messages at two caller processes while faults happen: processes are killed, Entra and storage fail, the callee's
access restrictions refuse calls, responses are lost. At the end every accepted message must be done or refused, and have its
effect in the callee exactly once.

  --messages <number>  how many messages are submitted (default: 1000)
  --seed <number>      plans the faults: the same seed gives the same plan (default: a new one, which is printed)
  --host <host>        what runs the apps: embedded (default), or func: Azure Functions Core Tools
  --help               show this text`;

/** The time to recover: the lease of a minute that a killed caller held, and the longest backoff of a message. */
const RECOVERY_TIMEOUT_MS = 180_000;

export function summary(report: ChaosReport): string {
  const { clients, hits, refusals, attempts, failedAttempts, runs, failures } = report;
  const counts = (map: ReadonlyMap<string | number, number>): string =>
    [...map].map(([name, count]) => `${name === 0 ? "none" : name}: ${count}`).join(", ");
  const sorted = new Map([...attempts].sort(([a], [b]) => a - b));
  return [
    "",
    `  accepted messages       ${clients.accepted.size}`,
    `  done, refused           ${report.done}, ${report.refused}`,
    `  why refused             ${counts(refusals)}`,
    `  responses to clients    ${counts(clients.responses)}`,
    `  messages by attempts    ${counts(sorted)}`,
    `  requests hit by faults  ${counts(hits)}`,
    `  delivery runs           ${Object.entries(runs)
      .map(([name, value]) => `${name}: ${value}`)
      .join(", ")}`,
    "  why attempts failed",
    ...[...failedAttempts]
      .sort(([, a], [, b]) => b - a)
      .map(([what, times]) => `    ${String(times).padStart(5)}  ${what.slice(0, 120)}`),
    `  nothing pending after   ${(report.drainedAfterMs / 1000).toFixed(1)} s without faults`,
    "",
    ...(failures.length === 0
      ? [
          "Every accepted message is done or refused, and has its effect exactly once. The system has recovered without help.",
        ]
      : failures.map((failure) => `FAIL ${failure}`)),
  ].join("\n");
}

if (process.argv[1] === import.meta.filename) {
  await command(
    USAGE,
    {
      options: {
        messages: { type: "string", default: "1000" },
        seed: { type: "string" },
        host: { type: "string", default: "embedded" },
      },
    },
    async ({ values }) => {
      const { host } = values;
      if (host !== "func" && host !== "embedded") throw new UsageError(`--host is embedded or func, not "${host}".`);
      const messages = wholeNumber("--messages", values.messages, 1);
      const seed = wholeNumber("--seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 31)));
      const { folder, remove, keep } = temporaryFolder("restricted-calls-chaos-");
      // The processes that this one has started end with it, because their channels close.
      void stopSignal().first.then((exitCode) => process.exit(exitCode));
      console.log(`${messages} messages, seed ${seed}`);
      const report = await runChaos({
        seed,
        messages,
        host,
        amounts: all,
        folder,
        timeoutMs: RECOVERY_TIMEOUT_MS,
        print: console.log,
      });
      console.log(summary(report));
      if (report.failures.length === 0) {
        remove();
        return 0;
      }
      keep();
      console.error(
        `The log is in ${join(folder, "chaos.log")}; npm run chaos -- --messages ${messages} --seed ${seed} --host ${host} runs the same plan.`,
      );
      return 1;
    },
  );
}
