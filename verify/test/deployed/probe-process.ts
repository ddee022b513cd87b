/** A process with a probe, as `npm run verify -- --deployed --probe` has one: for tests that send it signals. */
import { setTimeout as wait } from "node:timers/promises";
import { stopSignal } from "../../../tools/command-line.ts";
import { logOfProbe } from "../../deployed/probe/lifecycle.ts";
import { resourceManager } from "../../deployed/probe/resource-manager.ts";
import type { ProbeResource } from "../../deployed/probe/template.ts";
import { terminalProgress } from "../../progress.ts";

const [endpoint = "", ...ids] = process.argv.slice(2);
const { first, signal } = stopSignal();
const progress = terminalProgress(process.stderr);
const arm = resourceManager({
  ...{
    name: "Azure Resource Manager",
    endpoint,
    scope: "x",
    tenantId: "x",
    timeoutMs: 5_000,
    missingMayAppear: false,
    readOnly: false,
  },
  credential: { getToken: () => Promise.resolve({ token: "x", expiresOnTimestamp: Date.now() + 3_600_000 }) },
  wait,
});
const resources = ids.map((id): ProbeResource => ({
  id,
  apiVersion: "2025-01-01",
  title: id,
  body: { properties: {} },
}));
const note = (line: string): void => {
  progress.note(line);
};
try {
  await logOfProbe(arm, resources, "run", { note, wait: (milliseconds) => wait(milliseconds), signal });
} catch (error) {
  console.error(String(error));
  if (signal.aborted) process.exitCode = await first;
}
