import { inTime } from "../in-time.ts";

/** The claims of a token that is good and whose caller may call: a copy, which the rule may change without effect. */
export type VerifiedClaims = Readonly<Record<string, unknown>>;

/**
 * A service's own rule, over the verified claims. It is asked at every call, also for a token seen before, after all other
 * checks, and can only refuse. It gives undefined to let the call go on, or why it is refused, as text: that goes into the audit
 * event and never to the caller, who learns `custom-rule`.
 *
 * Whatever else it does lets nobody in: a throw, a rejection, another answer (true and false, too), or none within 5 seconds
 * is `custom-rule-failed`, a 500.
 *
 * Does not see the token, the request or the role that the operation asks for, and is not asked where another check has
 * refused the call.
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

/** A client's try ends after 6 s (service-client/resilience.ts): the caller shall learn that it was the rule. In milliseconds. */
const TIMEOUT_MS = 5_000;

/** In an audit event, in characters. */
const MAX_REASON_LENGTH = 200;

/** Asks the rule. Never rejects. */
export async function refusalBy(rule: CustomRule, claims: VerifiedClaims): Promise<RuleRefusal | undefined> {
  try {
    const answer: unknown = await inTime(rule(structuredClone(claims)), TIMEOUT_MS, noAnswer);
    if (answer === undefined) return undefined;
    if (typeof answer === "string") return { code: "custom-rule", reason: answer.slice(0, MAX_REASON_LENGTH) };
    throw new TypeError(`The custom rule answered a ${typeof answer}: expected undefined or a reason as text.`);
  } catch (failure) {
    return { code: "custom-rule-failed", failure };
  }
}

function noAnswer(): Error {
  return new Error(`The custom rule gave no answer within ${TIMEOUT_MS / 1000} s.`);
}
