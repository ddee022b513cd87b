import type { Operation, Outcome } from "../report/report.ts";

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
  if (by === "host") return { refusedBy: status < 400 ? "nobody" : "host", status, code: null };
  const code = problemCode(headers["content-type"], body);
  const isRefusal = headers["www-authenticate"] !== undefined || status === 401 || status === 403;
  return { refusedBy: isRefusal || code === "keys-unavailable" ? "application" : "nobody", status, code };
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
