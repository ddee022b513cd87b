/** Who decided about a call: read from its response. */
import { type Response, withoutBody } from "./exchange.ts";
import type { Observation } from "./plan.ts";
import type { Exchange, Operation, Outcome } from "./report.ts";

/**
 * Only App Service's front end sets `x-ms-forbidden-ip`. The application's refusals are problem documents (RFC 9457) with a
 * code and a challenge (RFC 6750, section 3). One has no challenge: `keys-unavailable`.
 *
 * @param by `host`: the Functions host answers this path. Its refusals have no body
 */
export function outcomeOf({ status, headers, body }: Response, by?: Operation["by"]): Outcome {
  if (headers["x-ms-forbidden-ip"] !== undefined) return { refusedBy: "network", status, code: null };
  if (by === "host") return hostOutcome(status);
  const code = problemCode(headers["content-type"], body);
  const isRefusal = headers["www-authenticate"] !== undefined || status === 401 || status === 403;
  return { refusedBy: isRefusal || code === "keys-unavailable" ? "application" : "nobody", status, code };
}

/** The outcome of a call that the Functions host answers with this HTTP status. */
export function hostOutcome(status: number): Outcome {
  return { refusedBy: status < 400 ? "nobody" : "host", status, code: null };
}

/**
 * Takes from a response what the report shows. The Functions host must answer with an empty body. Any other body may hold
 * keys, so it is not recorded.
 *
 * @param by `host`: the Functions host answers this path
 */
export function observedIn(response: Response & { readonly recorded: Exchange }, by?: Operation["by"]): Observation {
  const actual = outcomeOf(response, by);
  if (by === undefined) return { actual, exchanges: [response.recorded], note: null };
  const different = actual.refusedBy !== "network" && response.body !== "";
  const note = different ? "The Functions host's response has a body. It must be empty." : null;
  return { actual, exchanges: [withoutBody(response.recorded)], note, different };
}

/** An expected code of null allows any code: the reason of Entra ID for issuing no token depends on the client. */
export function sameOutcome(expected: Outcome, actual: Outcome): boolean {
  return (
    expected.refusedBy === actual.refusedBy &&
    expected.status === actual.status &&
    (expected.code === null || expected.code === actual.code)
  );
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
