import { join } from "node:path";
import { command, stopSignal, wholeNumber } from "../tools/command-line.ts";
import { temporaryFolder } from "../tools/write-file.ts";
import { type ChaosReport, runChaos } from "./chaos.ts";
import { all } from "./plan.ts";

const USAGE = `Usage: npm run chaos -- [--orders <number>] [--seed <number>] [--help]

Places orders at two caller processes while everything goes wrong: processes are killed, Entra and storage fail, the door
closes, answers are lost. At the end every accepted order must be reserved or rejected, exactly once, to the unit.

  --orders <number>  how many orders are placed (default: 1000)
  --seed <number>    which faults happen when: the same seed gives the same plan (default: a new one, printed)
  --help             show this text`;

/** After the last fault: a lease of a minute that a killed caller held, and the longest waits that orders had grown to. */
const PATIENCE_MS = 180_000;

export function summary(report: ChaosReport): string {
  const { clients, hits, attempts, setbacks, runs, failures } = report;
  const counts = (map: ReadonlyMap<string | number, number>): string =>
    [...map].map(([name, count]) => `${name === 0 ? "none" : name}: ${count}`).join(", ");
  const sorted = new Map([...attempts].sort(([a], [b]) => a - b));
  return [
    "",
    `  accepted orders         ${clients.accepted.size}`,
    `  reserved, rejected      ${report.reserved}, ${report.rejected}`,
    `  answers to clients      ${counts(clients.answers)}`,
    `  orders by attempts      ${counts(sorted)}`,
    `  what was hit, how often ${counts(hits)}`,
    `  delivery runs           ${Object.entries(runs)
      .map(([name, value]) => `${name}: ${value}`)
      .join(", ")}`,
    "  what stood in orders' way",
    ...[...setbacks]
      .sort(([, a], [, b]) => b - a)
      .map(([what, times]) => `    ${String(times).padStart(5)}  ${what.slice(0, 120)}`),
    `  nothing pending after   ${(report.drainedAfter / 1000).toFixed(1)} s of calm`,
    "",
    ...(failures.length === 0
      ? [
          "Every accepted order is reserved or rejected, exactly once; stock adds up to the unit; all is well again without help.",
        ]
      : failures.map((failure) => `FAIL ${failure}`)),
  ].join("\n");
}

if (process.argv[1] === import.meta.filename) {
  await command(
    USAGE,
    { options: { orders: { type: "string", default: "1000" }, seed: { type: "string" } } },
    async ({ values }) => {
      const orders = wholeNumber("--orders", values.orders, 1);
      const seed = wholeNumber("--seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 31)));
      const { folder, remove, keep } = temporaryFolder("restricted-calls-chaos-");
      // With this process ends, by their channels, all that it has started.
      void stopSignal().first.then((exitCode) => process.exit(exitCode));
      console.log(`${orders} orders, seed ${seed}`);
      const report = await runChaos({ seed, orders, amounts: all, folder, patience: PATIENCE_MS, print: console.log });
      console.log(summary(report));
      if (report.failures.length === 0) {
        remove();
        return 0;
      }
      keep();
      console.error(
        `The log is in ${join(folder, "chaos.log")}; npm run chaos -- --orders ${orders} --seed ${seed} runs the same plan.`,
      );
      return 1;
    },
  );
}
