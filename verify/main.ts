/** The command `npm run verify`. */
import { existsSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { styleText } from "node:util";
import { command, reasonOf, stopSignal, UsageError } from "../tools/command-line.ts";
import { requireWritable, writeFile } from "../tools/write-file.ts";
import { probeOptions } from "./probe-options.ts";
import { terminalProgress } from "./progress.ts";
import type { Report } from "./model/report.ts";
import { junitOf } from "./report/junit.ts";
import { sarifOf } from "./report/sarif.ts";
import { reason, STATUSES } from "./report/summary.ts";
import { exitCodeOf } from "./model/status.ts";
import { outcomeInWords } from "./report/words.ts";
import { writeReport } from "./report/write-report.ts";
import { showUnusedGrants } from "./unused-grants.ts";
import { verifyDeployment, verifyLocal } from "./verify.ts";

const local = join(import.meta.dirname, "..", ".local");

const USAGE = `Usage: npm run verify -- [options]

Proves the restriction: makes every call of the access policy, by every kind of caller and from every network, and every
attack of the catalogue, and compares the outcomes with the expected ones. Uses the running local system, or starts one.

  --deployed         verify the deployment of the selected azd environment: its configuration, and real calls
  --unused           instead of verifying: which grants did no call use since the start of the running system? Without a running
                     system, starts one and runs the demo of each service. Exit code 1: a grant was not used
  --read-only        with --deployed: place no order, read no setting or key, send only GET requests to the services
  --probe            with --deployed: create a container in a subnet of its own, which makes calls from within the virtual network;
                     remove it. Says what it creates and what that costs, and asks
  --yes              with --probe: do not ask
  --host <host>      start a system under that host: embedded, or func (Azure Functions Core Tools)
  --only <id>        verify only ids that equal or begin with this; * stands for anything within a part: "both/*/internet"
  --junit <file>     also write the results as JUnit XML
  --sarif <file>     also write the differences as SARIF 2.1.0, each at its line of the access policy or the templates
  --report <folder>  the folder of report.html and report.json (default: .local/verify)
  --help             show this text

Exit code 0: nothing differs. 1: something differs. 2: nothing could be verified. 3: nothing differs, but some of the
deployed configuration could not be read, or no call could be made. What --read-only leaves out does not cause exit code 3.`;

/** The number of printed differences. The report contains all. */
const MAX_PRINTED_DIFFERENCES = 20;

await command(
  USAGE,
  {
    options: {
      deployed: { type: "boolean", default: false },
      unused: { type: "boolean", default: false },
      "read-only": { type: "boolean", default: false },
      host: { type: "string" },
      only: { type: "string" },
      junit: { type: "string" },
      sarif: { type: "string" },
      probe: { type: "boolean", default: false },
      report: { type: "string", default: join(local, "verify") },
      yes: { type: "boolean", default: false },
    },
  },
  async ({
    values: { deployed, unused, "read-only": readOnly, host, junit, sarif, only = null, probe, report: folder, yes },
  }) => {
    if (host !== undefined && host !== "func" && host !== "embedded") {
      throw new UsageError(`--host is embedded or func, not "${host}".`);
    }
    if (readOnly && !deployed) throw new UsageError("--read-only is for a deployment: add --deployed.");
    if (deployed && host !== undefined) throw new UsageError("--host is for the local system: leave out --deployed.");
    if (unused && (deployed || only !== null)) {
      throw new UsageError("--unused is for the local system. For a deployment: the query in docs/operate.md.");
    }
    if (unused && (junit !== undefined || sarif !== undefined)) {
      throw new UsageError("--unused makes no report: leave out --junit and --sarif.");
    }
    for (const [option, file] of Object.entries({ "--junit": junit, "--sarif": sarif })) {
      if (file !== undefined && existsSync(file) && statSync(file).isDirectory()) {
        throw new UsageError(`${option} is a file, and ${file} is a folder.`);
      }
    }
    if (probe && !deployed) throw new UsageError("--probe is for a deployment: add --deployed.");
    if (probe && readOnly) throw new UsageError("--probe creates resources: leave out --read-only.");
    if (yes && !probe) throw new UsageError("--yes confirms --probe: add --probe.");
    if (probe && !yes && !process.stdin.isTTY) {
      throw new UsageError("--probe asks before it creates anything, and there is no terminal to ask on: add --yes.");
    }
    const progress = terminalProgress(process.stderr);
    const { first, signal } = stopSignal();
    try {
      if (unused) {
        return await showUnusedGrants({
          ...{ folder: local, host, signal },
          note: (line) => {
            progress.note(line);
          },
        });
      }
      // Before minutes of calls, not after them.
      for (const place of [folder, ...[junit, sarif].flatMap((file) => (file === undefined ? [] : [dirname(file)]))]) {
        await requireWritable(place);
      }
      const report = deployed
        ? await verifyDeployment({
            only,
            readOnly,
            progress,
            signal,
            probe: probe ? probeOptions(yes, progress, signal) : undefined,
          })
        : await verifyLocal({ only, folder: local, host, progress, signal });
      const { html } = await writeReport(report, folder);
      if (junit !== undefined) await writeInFolder(junit, junitOf(report));
      if (sarif !== undefined) await writeInFolder(sarif, JSON.stringify(sarifOf(report), null, 2));
      console.log(summaryOf(report));
      console.log(`The report: ${html}`);
      return exitCodeOf(report);
    } catch (error) {
      progress.end();
      if (signal.aborted) {
        console.error("Stopped: no report was written.");
        return first;
      }
      console.error(reasonOf(error));
      return 2;
    }
  },
);

async function writeInFolder(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

function summaryOf(report: Report): string {
  const differences = [
    ...report.cells
      .filter(({ result }) => result === "different")
      .map(
        ({ id, expected, actual, note }) =>
          `${id}\n      expected: ${outcomeInWords(expected)}\n      seen:     ${actual === null ? (note ?? "") : outcomeInWords(actual)}`,
      ),
    ...report.checks
      .filter(({ result }) => result === "finding")
      .map(
        ({ id, expected, found, fix }) =>
          `${id}\n      expected: ${expected}\n      found:    ${found ?? "nothing"}\n      fix:      ${fix ?? "see the report"}`,
      ),
  ];
  const colour = { passed: "green", failed: "red", incomplete: "yellow" } as const;
  return [
    ...differences.slice(0, MAX_PRINTED_DIFFERENCES).map((text) => `  ${styleText("red", "DIFFERS")} ${text}`),
    ...(differences.length > MAX_PRINTED_DIFFERENCES
      ? [`  ... and ${differences.length - MAX_PRINTED_DIFFERENCES} more: see the report.`]
      : []),
    `${styleText(colour[report.status], `${STATUSES[report.status]}.`)} ${reason(report)}`,
  ].join("\n");
}
