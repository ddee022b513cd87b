/** The table of grants with their reasons, for an access review. */
import type { Policy } from "@restricted-calls/shared/access-policy";
import { grantsOf, hasEnded } from "../../tools/grants.ts";
import { html, type Markup, type Part } from "./markup.ts";
import { table } from "./sections.ts";

/**
 * Every grant of a policy, with owner, reason and end; null for a policy that states no reason at all.
 *
 * @param at the time of the report, ISO 8601
 */
export function accessReview(policy: Policy, at: string): Markup | null {
  const grants = grantsOf(policy);
  if (grants.every(({ justification }) => justification === undefined)) return null;
  const rows = grants.map(({ caller, service, role, justification }): Part[] => {
    const { owner = "not stated", reason = "not stated", until } = justification ?? {};
    const end = until === undefined ? "no end" : hasEnded(until, new Date(at)) ? html`<b>ended on ${until}</b>` : until;
    return [caller, service, html`<code>${role}</code>`, owner, reason, end];
  });
  return table("Access review", ["Caller", "May call", "With the app role", "Owner", "Reason", "Until"], rows);
}
