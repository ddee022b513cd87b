// A service's own check over the verified claims.
import { inTime } from "../in-time.ts";

/** The claims of a valid token of an allowed caller. A copy: changes have no effect. */
export type VerifiedClaims = Readonly<Record<string, unknown>>;

/**
 * A service's own check over the verified claims. It runs at every call, after all other checks, and can only refuse. It
 * returns undefined to allow the call, or the reason of the refusal as text. The reason goes into the audit event; the
 * caller gets the code `custom-rule` only.
 *
 * A rule that throws, rejects, returns anything else (also true or false) or takes longer than 5 seconds refuses the call
 * with `custom-rule-failed`, a 500.
 *
 * Does not get the token, the request or the required role, and does not run if another check has refused the call.
 *
 * @example only tokens that say themselves that they are an app's: the API's registration asks for that optional claim
 *   (https://learn.microsoft.com/entra/identity-platform/optional-claims-reference, idtyp)
 *
 * ```ts
 * import type { CustomRule } from "@restricted-calls/shared/authorization";
 *
 * export const customRule: CustomRule = ({ idtyp }) => (idtyp === "app" ? undefined : "no idtyp");
 * ```
 */
export type CustomRule = (claims: VerifiedClaims) => string | undefined | Promise<string | undefined>;

/** Why a custom rule refuses a call, or what kept it from deciding. */
export type RuleRefusal =
  | { readonly code: "custom-rule"; readonly reason: string }
  | { readonly code: "custom-rule-failed"; readonly failure: unknown };

/** Milliseconds. Less than the 6 s of a client's try (service-client/resilience.ts), so that the caller gets the code. */
const TIMEOUT_MS = 5_000;

/** The longest reason in an audit event, in characters. */
const MAX_REASON_LENGTH = 200;

/** Asks the rule. Never rejects. */
export async function refusalBy(rule: CustomRule, claims: VerifiedClaims): Promise<RuleRefusal | undefined> {
  try {
    const result: unknown = await inTime(rule(structuredClone(claims)), TIMEOUT_MS, tooLate);
    if (result === undefined) return undefined;
    if (typeof result === "string") return { code: "custom-rule", reason: result.slice(0, MAX_REASON_LENGTH) };
    throw new TypeError(`The custom rule returned a ${typeof result}: expected undefined or a reason as text.`);
  } catch (failure) {
    return { code: "custom-rule-failed", failure };
  }
}

function tooLate(): Error {
  return new Error(`The custom rule did not end within ${TIMEOUT_MS / 1000} s.`);
}
