/** Which grants count as used. */
import type { Policy } from "@restricted-calls/shared/access-policy";
import { firstCall } from "@restricted-calls/shared/access-policy";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { mintToken, type RecordedEvent, startTestSystem, type TestSystem } from "../../local/index.ts";
import { accessPolicy } from "../../tools/access-policy.ts";
import { typicalOperation } from "../../tools/contracts.ts";
import { grantUseOf } from "../model/grant-use.ts";
import { traceParentOfProof } from "../model/trace.ts";
import { showUnusedGrants } from "../unused-grants.ts";

const role = (id: string) => ({ id, description: "A role" });
const policy: Policy = {
  services: {
    "billing-func": { subnet: 0, roles: {}, callers: {} },
    "records-func": {
      subnet: 1,
      roles: { "Records.Read": role("1"), "Records.Write": role("2") },
      callers: { "billing-func": ["Records.Read", "Records.Write"] },
    },
  },
};

const used: RecordedEvent = {
  time: "2026-01-31T10:00:00.000Z",
  service: "records-func",
  event: {
    event: "authorization",
    allowed: true,
    wouldRefuse: undefined,
    code: undefined,
    reason: undefined,
    operation: "getRecord",
    requirement: "Records.Read",
    callerAppId: "billing",
    callerObjectId: "object",
    tokenId: undefined,
    tokenIssuedAt: undefined,
    traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
  },
};
const withEvent = (changes: Partial<RecordedEvent["event"]>): RecordedEvent => ({
  ...used,
  event: { ...used.event, ...changes },
});

function usedRoles(...events: readonly RecordedEvent[]): string[] {
  const uses = grantUseOf(policy, events, (id) => (id === "billing" ? "billing-func" : undefined));
  return uses.filter(({ calls }) => calls > 0).map((use) => use.role);
}

describe("a grant", () => {
  it("is used by an admitted call that needs its role", () => {
    expect(usedRoles(used)).toEqual(["Records.Read"]);
  });

  it.each<[string, RecordedEvent]>([
    ["that was refused", withEvent({ allowed: false, code: "role-missing" })],
    ["that a guard let through because it only reports", withEvent({ wouldRefuse: true })],
    ["of the proof", withEvent({ traceParent: traceParentOfProof() })],
    ["of another caller", withEvent({ callerAppId: "other" })],
    ["without a known caller", withEvent({ callerAppId: undefined })],
    ["of another service", { ...used, service: "other-func" }],
    ["that needs an assignment only", withEvent({ requirement: { assignmentOnly: true } })],
  ])("is not used by a call %s", (_, event) => {
    expect(usedRoles(event)).toEqual([]);
  });

  it.each<[string, RecordedEvent["event"]["requirement"]]>([
    ["any", { anyOf: ["Records.Read", "Records.Write"] }],
    ["all", { allOf: ["Records.Read", "Records.Write"] }],
  ])("is used by a call that needs %s of several roles", (_, requirement) => {
    expect(usedRoles(withEvent({ requirement }))).toEqual(["Records.Read", "Records.Write"]);
  });

  it("has the number of its calls and the time of the latest", () => {
    const later = { ...used, time: "2026-02-01T00:00:00.000Z" };
    const [read] = grantUseOf(policy, [later, used], () => "billing-func");
    expect(read).toMatchObject({ calls: 2, latest: later.time });
  });
});

describe("verify -- --unused, on a running system", () => {
  let system: TestSystem;
  beforeAll(async () => {
    system = await startTestSystem();
  });
  afterAll(() => system.stop());
  const { caller = "", callee = "" } = firstCall(accessPolicy) ?? {};
  const operation = typicalOperation(callee);

  async function call(headers: Readonly<Record<string, string>>): Promise<void> {
    const { path, body, status } = operation.sample(crypto.randomUUID());
    const token = await mintToken(system.endpoints.entra.control, { as: caller, api: callee });
    const response = await fetch(`${system.endpoints.callee.callerSubnet}${path}`, {
      method: operation.method,
      headers: { Authorization: `Bearer ${token}`, ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    expect(response.status).toBe(status);
  }

  async function shown(): Promise<string> {
    const print = vi.spyOn(console, "log").mockReturnValue();
    try {
      await showUnusedGrants({ folder: system.folder, note: () => undefined });
      return print.mock.calls.flat().join("\n");
    } finally {
      print.mockRestore();
    }
  }

  it("says nothing of a system where only the proof called", async () => {
    await call({ traceparent: traceParentOfProof() });
    await expect(shown()).rejects.toThrow("no call used a grant");
  });

  it("shows the grant that a call used", async () => {
    await call({});
    await expect.poll(shown).toMatch(new RegExp(`used .*${caller} → ${callee}: ${operation.role}: 1 call,`));
  });
});
