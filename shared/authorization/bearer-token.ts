// Takes the bearer token out of a request (RFC 6750).
import type { RefusalCode } from "./refusals.ts";

/** Compared without regard to case (RFC 9110, section 11.1). */
const SCHEME = /^bearer(\s|$)/i;

/** RFC 6750, section 2.1. */
const B64TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** A bearer credential in second place: two `Authorization` headers reach a function joined with a comma. */
const SECOND_BEARER = /,\s*bearer(\s|$)/i;

/**
 * Takes the bearer token out of a request: from the header only, never from query or body.
 *
 * Does not check the characters of the token: `isB64Token` does.
 *
 * @param authorization the `Authorization` header as the host hands it on, null where there is none
 * @param query the request's query: a token there as well is a second one
 * @returns the token, or the refusal `no-credentials` or `malformed-credentials`
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-2
 */
export function readBearerToken(
  authorization: string | null,
  query: URLSearchParams,
): { readonly token: string } | { readonly code: RefusalCode } {
  if (authorization === null || !SCHEME.test(authorization)) {
    const isSecond = authorization !== null && SECOND_BEARER.test(authorization);
    return { code: isSecond ? "malformed-credentials" : "no-credentials" };
  }
  const token = authorization.slice("Bearer ".length).trim();
  const isOne = token !== "" && !token.includes(" ") && !token.includes(",") && authorization[6] === " ";
  return isOne && !query.has("access_token") ? { token } : { code: "malformed-credentials" };
}

/** Whether a token has only characters that RFC 6750 allows in the header. If not, the header is malformed. */
export function isB64Token(token: string): boolean {
  return B64TOKEN.test(token);
}
