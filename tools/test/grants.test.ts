import type { Policy } from "@restricted-calls/shared/access-policy";
import { describe, expect, test } from "vitest";
import { endedGrants, grantsOf, hasEnded } from "../grants.ts";

const role = (id: string) => ({ id, description: "A role" });
const policy = (until?: string): Policy => ({
  services: {
    "billing-func": { subnet: 0, roles: {}, callers: {} },
    "records-func": {
      subnet: 1,
      roles: { "Records.Read": role("1"), "Records.Write": role("2") },
      callers: { "billing-func": ["Records.Read", "Records.Write"] },
      justifications: {
        "billing-func": {
          "Records.Write": { owner: "billing", reason: "Invoices", ...(until !== undefined && { until }) },
        },
      },
    },
  },
});

test("every role of every caller is a grant, with the reason that the policy states", () => {
  expect(
    grantsOf(policy()).map(({ caller, service, role, justification }) => [caller, service, role, justification]),
  ).toEqual([
    ["billing-func", "records-func", "Records.Read", undefined],
    ["billing-func", "records-func", "Records.Write", { owner: "billing", reason: "Invoices" }],
  ]);
});

describe("a grant", () => {
  test.each([
    ["in the last moment before its date", "2027-01-31", "2027-01-30T23:59:59.999Z", false],
    ["in the first moment of its date", "2027-01-31", "2027-01-31T00:00:00.000Z", true],
    ["without a date", undefined, "2999-01-01T00:00:00.000Z", false],
    ["with an unreadable date", "soon", "2027-01-31T00:00:00.000Z", true],
  ])("%s", (_, until, now, ended) => {
    expect(hasEnded(until, new Date(now))).toBe(ended);
    expect(endedGrants(policy(until), new Date(now))).toHaveLength(ended ? 1 : 0);
  });

  test("that has ended is a line that names it, its owner and what to do", () => {
    expect(endedGrants(policy("2026-01-31"), new Date("2026-02-01"))).toEqual([
      "records-func.callers.billing-func: the grant of Records.Write ended on 2026-01-31. Remove the role, or ask its owner (billing) for a new date",
    ]);
  });
});
