import { exchange } from "../../model/exchange.ts";
import { observedIn } from "../../model/outcomes.ts";
import type { Cell, Exchange, Operation, Outcome } from "../../model/report.ts";
import { failureOf } from "../azure/api.ts";

/** A call that is to be made. */
export interface PlannedCell {
  readonly id: string;
  call(): Promise<Cell>;
}

/** What came of it. */
export interface Seen {
  /** Null where it is not known, or no call was made: the note says why. */
  readonly expected: Outcome;
  readonly actual: Outcome | null;
  readonly note: string | null;
  readonly exchanges: readonly Exchange[];
  /** Where more than the outcome has to be right. */
  readonly different?: boolean;
}

export const BY_NETWORK: Outcome = { refusedBy: "network", status: 403, code: null };

/** A call of an operation from somewhere by a kind of caller; both layers are on, as they are in a deployment. */
export function plannedCell(operation: string, origin: string, caller: string, see: () => Promise<Seen>): PlannedCell {
  const id = `both/${operation}/${origin}/${caller}`;
  return {
    id,
    async call() {
      const { expected, actual, note, exchanges, different = false } = await see();
      const agrees = actual !== null && !different && agree(expected, actual);
      return {
        id,
        layers: "both",
        operation,
        origin,
        caller,
        attack: null,
        expected,
        actual,
        result: agrees ? "as-expected" : actual === null ? "not-checked" : "different",
        note,
        heldByOneLayer: false,
        exchanges,
      };
    },
  };
}

/** A code that is not foretold may be any: of Entra ID's reasons not to issue a token, which one depends on the client. */
function agree(expected: Outcome, actual: Outcome): boolean {
  return (
    expected.refusedBy === actual.refusedBy &&
    expected.status === actual.status &&
    (expected.code === null || expected.code === actual.code)
  );
}

export interface Request {
  readonly url: string;
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | undefined;
  /** Who answers the path, if not a function. */
  readonly by?: Operation["by"];
  /** Milliseconds. */
  readonly patience: number;
}

/** Makes a call. Without an answer there is nothing to say about who would have refused it. */
export async function seen(expected: Outcome, request: Request): Promise<Seen & { readonly body: string }> {
  const { url, method, headers = {}, body, by, patience } = request;
  try {
    const answer = await exchange(url, {
      method,
      headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(patience),
    });
    return { expected, ...observedIn(answer, by), body: answer.body };
  } catch (error) {
    return { ...notMade(expected, `No answer came: ${failureOf(error)}.`), body: "" };
  }
}

export function notMade(expected: Outcome, note: string): Seen {
  return { expected, actual: null, note, exchanges: [] };
}
