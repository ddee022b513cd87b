// Every refusal code, with its status, text and challenge.
import type { Problem } from "../problem.ts";

/** The response to one kind of refusal. `error` is the code of the RFC 6750 challenge; without it the challenge is bare. */
interface Refusal {
  readonly status: 400 | 401 | 403 | 500 | 503;
  readonly error?: "invalid_request" | "invalid_token" | "insufficient_scope";
  readonly detail: string;
}

const invalidToken = (detail: string): Refusal => ({ status: 401, error: "invalid_token", detail });
const insufficientScope = (detail: string): Refusal => ({ status: 403, error: "insufficient_scope", detail });

/**
 * Every way in which a call is refused, each with one stable code: responses, audit events, tests and docs use these.
 * A refused caller learns the code, never what would have been accepted.
 */
const refusals = {
  "no-credentials": { status: 401, detail: "Send an Entra ID access token as 'Authorization: Bearer <token>'." },
  "malformed-credentials": {
    status: 400,
    error: "invalid_request",
    detail: "Send exactly one 'Authorization: Bearer <token>' header, and the token nowhere else.",
  },
  "malformed-token": invalidToken("The token is not a signed JSON Web Token."),
  "algorithm-not-allowed": invalidToken("The token is not signed with RS256."),
  "unknown-key": invalidToken("The token is signed with a key that the tenant does not publish."),
  "bad-signature": invalidToken("The token's signature does not match."),
  "wrong-issuer": invalidToken("The token was not issued by the expected tenant."),
  "wrong-audience": invalidToken("The token was issued for another service."),
  "token-expired": invalidToken("The token has expired. Get a new one."),
  "token-not-yet-valid": invalidToken("The token is not valid yet. Compare the clocks."),
  "token-lifetime-too-long": invalidToken("The token ends later than any that Entra ID issues. Compare the clocks."),
  "not-app-only": invalidToken("The token was issued for a user. Only apps may call."),
  "key-bound-token": invalidToken(
    "The token is bound to a key, and this service takes no proof of a key. Get a bearer token.",
  ),
  "weak-client-authentication": invalidToken(
    "The caller proved who it is to Entra by weaker means than this service accepts.",
  ),
  "caller-not-allowed": insufficientScope("This caller is not on the service's list of callers."),
  "caller-denied": insufficientScope("The service denies this caller."),
  "role-missing": insufficientScope(
    "The token lacks the app role that this operation needs. A role granted after a managed identity got its first " +
      "token shows up within 24 hours.",
  ),
  "custom-rule": insufficientScope("A rule of this service's own refuses the call."),
  "custom-rule-failed": {
    status: 500,
    detail: "A rule of this service's own could not decide. The service's log says why, under this call's trace id.",
  },
  "keys-unavailable": {
    status: 503,
    detail: "The tenant's signing keys are not available now, so this token cannot be checked. Try again.",
  },
} as const satisfies Record<string, Refusal>;

/** The stable code of a refusal. */
export type RefusalCode = keyof typeof refusals;

export const refusalCodes = Object.keys(refusals) as readonly RefusalCode[];

/**
 * The response to a refused call: status, problem document and challenge.
 *
 * @param retryAfterSeconds for `keys-unavailable`: when the keys are asked for again
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-3
 */
export function refusalProblem(code: RefusalCode, retryAfterSeconds?: number): Problem {
  const { status, detail, error }: Refusal = refusals[code];
  const challenge = error === undefined ? "Bearer" : `Bearer error="${error}", error_description="${detail}"`;
  return {
    status,
    code,
    detail,
    headers: {
      ...(status === 503 && { "Retry-After": String(retryAfterSeconds ?? 1) }),
      ...(status < 500 && { "WWW-Authenticate": challenge }),
    },
  };
}
