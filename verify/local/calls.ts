import { reasonOf } from "../../tools/command-line.ts";
import { attacks } from "@restricted-calls/shared/testing/attacks";
import { exchange } from "../model/exchange.ts";
import type { Cell, Operation, Outcome, Policy } from "../model/report.ts";
import { callersOf } from "../model/callers.ts";
import type { PlannedCell } from "./matrix.ts";
import { attackCredentials, type Credentials, credentialsFor } from "./credentials.ts";
import type { Ground } from "./test-bed.ts";
import { everyOperation, hostCallOf, preparation, sampleCallOf } from "../model/operations.ts";
import { type Observed, observedIn, sameOutcome } from "../model/outcomes.ts";

/** Milliseconds: a call that takes longer has no answer. */
const PATIENCE_MS = 20_000;

/**
 * Makes the one call of a cell, and holds how it ends against what must be. What has no answer differs.
 *
 * @param unique never the same for two calls of one system
 */
export async function runCell(cell: PlannedCell, ground: Ground, policy: Policy, unique: string): Promise<Cell> {
  const { different, ...seen } = await observe(cell, ground, policy, unique).catch((error: unknown): Seen => {
    const note = `No answer came: ${reasonOf(error)}.`;
    return { actual: null, exchanges: [], note, different: true };
  });
  const { actual } = seen;
  return {
    ...cell,
    ...seen,
    result: actual !== null && !different && sameOutcome(actual, cell.expected) ? "as-expected" : "different",
    heldByOneLayer: false,
  };
}

/** Makes what the calls need to succeed, past the guard: that it lets somebody in is not to be taken for granted. */
export async function prepareCalls({ doors }: Ground): Promise<void> {
  const { path, body, status } = sampleCallOf(preparation.id, "preparation");
  const url = `${doors["network-only"]["callerSubnet"] ?? ""}${path}`;
  const { actual } = await call(url, preparation, body, { authorization: null });
  if (actual.status === status) return;
  throw new Error(
    `${preparation.method} ${path} was to prepare the calls, and was answered ${actual.status ?? "not at all"}.`,
  );
}

interface Seen extends Omit<Observed, "actual"> {
  /** Null where no answer came. */
  readonly actual: Outcome | null;
}

async function observe(cell: PlannedCell, ground: Ground, policy: Policy, unique: string): Promise<Seen> {
  const operation = everyOperation.find(({ id }) => id === cell.operation);
  if (operation === undefined) throw new Error(`there is no operation ${cell.operation}`);
  const isHosts = operation.by === "host";
  const { path, body } = isHosts ? hostCallOf(operation) : sampleCallOf(operation.id, unique);
  const origin = (isHosts ? ground.hostDoors : ground.doors)[cell.layers][cell.origin];
  if (origin === undefined) throw new Error(`there is no front end for ${cell.origin}`);
  const credentials = await credentialsOf(cell, operation.service, ground, policy);
  return call(`${origin}${path}`, operation, body, credentials);
}

function credentialsOf(
  cell: PlannedCell,
  service: string,
  { endpoints, masterKey }: Ground,
  policy: Policy,
): Promise<Credentials> {
  const attack = attacks.find(({ name }) => name === cell.attack);
  if (attack !== undefined) return attackCredentials(attack, endpoints);
  const caller = callersOf(policy, service).find(({ id }) => id === cell.caller);
  if (caller === undefined) throw new Error(`there is no caller ${cell.caller ?? "at all"}`);
  return credentialsFor(caller.token, endpoints, masterKey);
}

async function call(
  url: string,
  { method, by }: Pick<Operation, "method" | "by">,
  body: object | undefined,
  credentials: Credentials,
): Promise<Observed> {
  if ("refusal" in credentials) {
    return {
      actual: { refusedBy: "identity-provider", status: null, code: credentials.refusal },
      exchanges: [credentials.exchange],
      note: "No token, so no call was made: what is shown is the request for a token.",
      different: false,
    };
  }
  const { authorization, otherHeaders, query } = credentials;
  const answer = await exchange(query === undefined ? url : `${url}?${new URLSearchParams(query).toString()}`, {
    method,
    headers: {
      ...otherHeaders,
      ...(authorization !== null && { Authorization: authorization }),
      ...(body !== undefined && { "Content-Type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return observedIn(answer, by);
}
