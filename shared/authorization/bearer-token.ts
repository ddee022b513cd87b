import type { RefusalCode } from "./refusals.ts";

/** `b64token` of RFC 6750, section 2.1, after the scheme, which is compared without regard to case (RFC 9110, section 11.1). */
const CREDENTIALS = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;

/** A bearer credential in second place: two `Authorization` headers reach a function joined with a comma. */
const SECOND_BEARER = /,\s*bearer(\s|$)/i;

/**
 * Takes the bearer token out of a request: from the header only, never from query or body.
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
  if (authorization === null || authorization.trim() === "") return { code: "no-credentials" };
  if (SECOND_BEARER.test(authorization)) return { code: "malformed-credentials" };
  if (!/^bearer(\s|$)/i.test(authorization)) return { code: "no-credentials" };
  const token = CREDENTIALS.exec(authorization)?.[1];
  if (token === undefined || query.has("access_token")) return { code: "malformed-credentials" };
  return { token };
}
