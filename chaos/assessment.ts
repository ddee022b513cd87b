/** Checks the system after the last fault: no message is lost, each has its effect once, and new work goes through. */
import { isDeepStrictEqual } from "node:util";
import type { ChaosMessage, ChaosOutcome } from "@restricted-calls/shared/contract-chaos";
import { type Endpoints, mintToken, tableOf } from "../local/index.ts";
import { accessPolicy } from "../tools/access-policy.ts";
import { poll, retry } from "../tools/poll.ts";
import type { Business } from "./business.ts";
import { type Clients, submit } from "./clients.ts";

export interface Aftermath {
  readonly business: Business;
  /** The origin of the callers. */
  readonly callers: string;
  readonly endpoints: Endpoints;
  /** The folder of the system's settings. */
  readonly folder: string;
  readonly messages: readonly ChaosMessage[];
  readonly clients: Clients;
  /** The callee's settings. */
  readonly settings: Readonly<Record<string, string>>;
  /** Milliseconds until a message that is still pending counts as a failure. */
  readonly timeoutMs: number;
}

export interface Assessment {
  /** Each violation in one line; empty if there is none. */
  readonly failures: readonly string[];
  readonly done: number;
  readonly refused: number;
  /** Messages by the reason of their refusal. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Messages by number of attempts. */
  readonly attempts: ReadonlyMap<number, number>;
  /** Why attempts failed, and how often. */
  readonly failedAttempts: ReadonlyMap<string, number>;
  /** When no message was pending any more: milliseconds since 1970. */
  readonly drainedAt: number;
}

const PAUSE_MS = 500;

/** Waits until no message is pending, then compares messages and effects, and submits new ones. */
export async function assess(aftermath: Aftermath): Promise<Assessment> {
  const { business, messages, clients, callers, timeoutMs } = aftermath;
  const deadline = Date.now() + timeoutMs;
  const get = (path: string): Promise<unknown> =>
    retry(() => json(`${callers}${path}`), { pauseMs: PAUSE_MS, timeoutMs: deadline - Date.now() });
  const outcomes = await poll(
    () => business.sends.outcomes(get),
    (all) => all.every(({ state }) => state !== "pending"),
    { pauseMs: PAUSE_MS, timeoutMs },
  );
  const drainedAt = Date.now();
  const done = outcomes.filter(({ state }) => state === "done");
  const failures = [
    ...outcomeFailures(messages, clients.accepted, outcomes),
    ...(await effectFailures(aftermath, done)),
    ...(await afterwardsFailures(aftermath)),
  ];
  const refused = outcomes.filter(({ state }) => state === "refused");
  return {
    failures,
    done: done.length,
    refused: refused.length,
    refusals: countOf(refused.map(({ reason = "no reason given" }) => [reason, 1])),
    attempts: countOf(outcomes.map(({ attempts }) => [attempts, 1])),
    failedAttempts: countOf(outcomes.flatMap(({ history = [] }) => history.map(({ what, times }) => [what, times]))),
    drainedAt,
  };
}

/**
 * Compares the messages with how they ended.
 *
 * @param accepted the status of the response that accepted a message, by its id
 * @returns each violation in one line
 */
export function outcomeFailures(
  messages: readonly ChaosMessage[],
  accepted: ReadonlyMap<string, number>,
  outcomes: readonly ChaosOutcome[],
): string[] {
  const failures: string[] = [];
  const byId = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
  if (byId.size !== outcomes.length) failures.push("a message is listed twice");
  for (const { id, content, promises, ends } of messages) {
    const outcome = byId.get(id);
    byId.delete(id);
    const status = accepted.get(id);
    if (outcome === undefined) {
      if (status !== undefined) failures.push(`${id} was accepted and is lost`);
      continue;
    }
    const { state } = outcome;
    if (!isDeepStrictEqual(outcome.content, content)) failures.push(`${id} differs from what was submitted`);
    if (state !== "done" && state !== "refused") {
      failures.push(`${id} is ${state}`);
      continue;
    }
    if (ends !== undefined && state !== ends) failures.push(`${id} is ${state}, but must be ${ends}`);
    const promise = promises[status ?? 0] ?? "pending";
    if (promise !== "pending" && state !== promise) {
      failures.push(`${id}: the response said ${promise}, but it is ${state}`);
    }
  }
  for (const id of byId.keys()) failures.push(`${id} was never submitted`);
  return failures;
}

/** The callee requests signing keys at most every 30 s: for so long, it may refuse a token with a new key. */
const CALLEE_TIMEOUT_MS = 40_000;

async function effectFailures(aftermath: Aftermath, done: readonly ChaosOutcome[]): Promise<readonly string[]> {
  const { business, endpoints, settings } = aftermath;
  const { caller, callee } = business.services;
  // With every role: the caller itself need not be allowed to read what it changes.
  const roles = Object.keys(accessPolicy.services[callee].roles);
  const token = await mintToken(endpoints.entra.control, { as: caller, api: callee, claims: { roles } });
  const headers = { Authorization: `Bearer ${token}` };
  const origin = endpoints.frontEnds[callee]?.from[caller] ?? "";
  const found = await business.receives.read({
    settings,
    get: (path) =>
      retry(() => json(`${origin}${path}`, { headers }), {
        ...{ pauseMs: PAUSE_MS, timeoutMs: CALLEE_TIMEOUT_MS },
      }),
    async rows(name) {
      const table = await tableOf(aftermath, callee, name);
      const rows: Record<string, unknown>[] = [];
      for await (const row of table.listEntities()) rows.push(row);
      return rows;
    },
  });
  return business.receives.failures(done, found, settings);
}

/** Submits one message for each pair of a caller and a callee: all of them must be done again without help. */
async function afterwardsFailures({ business, callers }: Aftermath): Promise<string[]> {
  const failures: string[] = [];
  const deadline = Date.now() + CALLEE_TIMEOUT_MS;
  for (let i = 0; i < 4; i++) {
    const message = business.sends.afterwards(i);
    const isDone = (status: number): boolean => message.promises[status] === "done";
    const status = await poll(() => submit(callers, message), isDone, {
      ...{ pauseMs: PAUSE_MS, timeoutMs: deadline - Date.now() },
    });
    if (!isDone(status)) failures.push(`a message submitted after the last fault is not done: status ${status}`);
  }
  return failures;
}

/** @throws Error with the response, if its status is not 200 */
async function json(url: string, request?: RequestInit): Promise<unknown> {
  const response = await fetch(url, request);
  if (response.status === 200) return response.json();
  throw new Error(`GET ${url} returned ${response.status}: ${await response.text()}`);
}

function countOf<T>(entries: readonly (readonly [T, number])[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const [what, times] of entries) counts.set(what, (counts.get(what) ?? 0) + times);
  return counts;
}
