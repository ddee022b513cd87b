import { withoutBody } from "./exchange.ts";
import type { Exchange, Operation, Outcome } from "./report.ts";

interface Answer {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Who decided over a call, by its answer. Only App Service's front end sets `x-ms-forbidden-ip`. The application's
 * refusals are problem documents (RFC 9457) with a code, and carry a challenge (RFC 6750, section 3), but for the one
 * that cannot be judged for want of keys.
 *
 * @param by who answers the path, if not a function: the Functions host's refusals say nothing
 */
export function outcomeOf({ status, headers, body }: Answer, by?: Operation["by"]): Outcome {
  if (headers["x-ms-forbidden-ip"] !== undefined) return { refusedBy: "network", status, code: null };
  if (by === "host") return hostOutcome(status);
  const code = problemCode(headers["content-type"], body);
  const isRefusal = headers["www-authenticate"] !== undefined || status === 401 || status === 403;
  return { refusedBy: isRefusal || code === "keys-unavailable" ? "application" : "nobody", status, code };
}

/** How a call ends that the Functions host answers itself with this HTTP status. */
export function hostOutcome(status: number): Outcome {
  return { refusedBy: status < 400 ? "nobody" : "host", status, code: null };
}

/** What an answer shows. `different`: it is wrong, whatever its outcome is, and the note says why. */
export interface Observed {
  readonly actual: Outcome;
  readonly exchanges: readonly Exchange[];
  readonly note: string | null;
  readonly different: boolean;
}

/**
 * Takes from an answer what the report shows of it. The Functions host must answer with an empty body: any other may hold
 * keys, so it is not recorded.
 *
 * @param by who answers the path, if not a function
 */
export function observedIn(answer: Answer & { readonly recorded: Exchange }, by?: Operation["by"]): Observed {
  const actual = outcomeOf(answer, by);
  if (by === undefined) return { actual, exchanges: [answer.recorded], note: null, different: false };
  const different = actual.refusedBy !== "network" && answer.body !== "";
  const note = different ? "The host's own answer is not empty: it tells something." : null;
  return { actual, exchanges: [withoutBody(answer.recorded)], note, different };
}

export function sameOutcome(one: Outcome, other: Outcome): boolean {
  return one.refusedBy === other.refusedBy && one.status === other.status && one.code === other.code;
}

function problemCode(contentType: string | undefined, body: string): string | null {
  if (contentType?.startsWith("application/problem+json") !== true) return null;
  try {
    const { code } = JSON.parse(body) as { readonly code?: unknown };
    return typeof code === "string" ? code : null;
  } catch {
    return null;
  }
}
