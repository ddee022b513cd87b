/** `npm run verify -- --unused`: the grants of the access policy that no call of a period used. */
import { firstCall } from "@restricted-calls/shared/access-policy";
import { join } from "node:path";
import { styleText } from "node:util";
import {
  DEMO_SCHEDULE,
  type Endpoints,
  readAuditEvents,
  runDemos,
  runningEndpoints,
  startTestSystem,
} from "../local/index.ts";
import { type GrantUse, grantUseOf } from "./model/grant-use.ts";
import { policy } from "./model/policy.ts";
import { count } from "./report/words.ts";

/** Counted calls of a period. */
interface Period {
  /** The period, for a reader. */
  readonly title: string;
  readonly uses: readonly GrantUse[];
}

export interface UnusedOptions {
  /** Where a running local system has its files. Without a running system, one is started, and runs the demos of the contracts. */
  readonly folder: string;
  readonly host?: Endpoints["host"] | undefined;
  /** Is told what happens. */
  readonly note: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Prints each grant with the number of calls that used it.
 *
 * @returns the exit code: 0 if every grant was used; 1 otherwise
 * @throws Error if the period has no call, or a demo fails
 */
export async function showUnusedGrants(options: UnusedOptions): Promise<0 | 1> {
  const { title, uses } = await periodOf(options);
  const external = policy.externalCallers ?? {};
  const isKnown = ({ caller, calls }: GrantUse): boolean => calls > 0 || !Object.hasOwn(external, caller);
  if (!uses.some(({ calls }) => calls > 0)) {
    throw new Error(
      `${title}: no call used a grant. Use the business of each service first, then ask again. Apps that you started yourself (npm start -- --no-apps) leave no audit events here.`,
    );
  }
  const unused = uses.filter((use) => use.calls === 0 && isKnown(use));
  console.log(`${title}.\n`);
  for (const use of uses) console.log(`  ${lineOf(use, isKnown(use))}`);
  if (unused.length === 0) {
    console.log("\nEvery grant that can be seen here was used.");
    return 0;
  }
  const each = unused.map(({ caller, service, role }) => `  services.${service}.callers.${caller}: ${role}`);
  console.log(
    `\nA caller needs no role that it never uses. Remove from shared/access-policy.json:\n${each.join("\n")}`,
  );
  return 1;
}

function lineOf({ caller, service, role, calls, latest }: GrantUse, isKnown: boolean): string {
  const grant = `${caller} → ${service}: ${role}`;
  if (!isKnown) return `${styleText("yellow", "not known")} ${grant}: the caller is not part of this system`;
  if (latest === null) return `${styleText("red", "unused   ")} ${grant}`;
  return `${styleText("green", "used     ")} ${grant}: ${count(calls, "call")}, the latest at ${latest}`;
}

async function periodOf({ folder, host, note, signal }: UnusedOptions): Promise<Period> {
  const running = host === undefined ? await runningEndpoints(folder, note) : undefined;
  if (running !== undefined) {
    return { title: "Since the start of the running system, without calls of verify", uses: usesIn(folder, running) };
  }
  note("Starts a system of its own, and runs the demo of each service.");
  await using started = new AsyncDisposableStack();
  const system = await startTestSystem({
    deliverySchedule: DEMO_SCHEDULE,
    ...(host && { host }),
    ...(signal && { signal }),
  });
  started.defer(() => system.stop());
  const failures = await runDemos(system, note);
  signal?.throwIfAborted();
  if (failures.length > 0) throw new Error(`The demo failed, so its calls say nothing:\n${failures.join("\n")}`);
  return { title: "During the demo of each service", uses: usesIn(system.folder, system.endpoints) };
}

function usesIn(folder: string, { identities }: Endpoints): GrantUse[] {
  const events = readAuditEvents(folder);
  if (events === undefined)
    throw new Error(`${join(folder, "audit-events.jsonl")} is missing: start the system again.`);
  const names = new Map(Object.entries(identities).map(([name, { clientId }]) => [clientId, name]));
  const callerOf = (clientId: string): string | undefined => {
    const name = names.get(clientId);
    // The app registration that the first caller uses with its other credentials.
    return name === "caller-app" ? firstCall(policy)?.caller : name;
  };
  return grantUseOf(policy, events, callerOf);
}
