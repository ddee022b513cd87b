/** The expected outcomes follow the policy. */
import "../../tools/testing/example-system.ts";
import { describe, expect, it } from "vitest";
import { accessPolicy } from "../../tools/access-policy.ts";
import { callersOf } from "../model/callers.ts";
import { matrixOf } from "../local/matrix.ts";
import { expectedOutcome, type Situation } from "../model/expectations.ts";
import { operations } from "../model/operations.ts";
import { originsOf } from "../model/origins.ts";
import { outcomeOf } from "../model/outcomes.ts";
import type { Policy } from "@restricted-calls/shared/access-policy";

/** A granted caller reads from its own subnet, with both layers on. */
const granted: Situation = {
  policy: accessPolicy,
  layers: "both",
  operation: { id: "get-record", service: "callee-func", method: "GET", route: "/", role: "Records.Read" },
  origin: { callerOf: "caller-func" },
  caller: { assigned: true, listed: true, roles: ["Records.Read"], flaw: null },
  success: 200,
};

describe("by the policy", () => {
  it("lets the granted caller in", () => {
    expect(expectedOutcome(granted)).toEqual({ refusedBy: "nobody", status: 200, code: null });
  });

  const caller = granted.caller;
  it.each<[string, Partial<Situation>, string, number | null, string | null]>([
    ["from another subnet", { origin: { callerOf: "callee-func" } }, "network", 403, null],
    ["from the internet", { origin: { callerOf: null } }, "network", 403, null],
    ["from a subnet of no service", { origin: { callerOf: "constructor" } }, "network", 403, null],
    ["without assignment", { caller: { ...caller, assigned: false } }, "identity-provider", null, "AADSTS501051"],
    ["not listed", { caller: { ...caller, listed: false } }, "application", 403, "caller-not-allowed"],
    ["without a role", { caller: { ...caller, roles: [] } }, "application", 403, "role-missing"],
    ["with another role", { caller: { ...caller, roles: ["Records.Write"] } }, "application", 403, "role-missing"],
    ["without a token", { caller: { ...caller, flaw: "no-credentials" } }, "application", 401, "no-credentials"],
    [
      "malformed",
      { caller: { ...caller, flaw: "malformed-credentials" } },
      "application",
      400,
      "malformed-credentials",
    ],
  ])("with one thing wrong it is refused: %s", (_, change, refusedBy, status, code) => {
    expect(expectedOutcome({ ...granted, ...change })).toEqual({ refusedBy, status, code });
  });

  it("refuses alone, in each layer, what that layer knows, and no more", () => {
    const stranger = { ...granted, origin: { callerOf: null }, caller: { ...caller, flaw: "no-credentials" } };
    expect(expectedOutcome({ ...stranger, layers: "application-only" }).refusedBy).toBe("application");
    expect(expectedOutcome({ ...stranger, layers: "network-only" }).refusedBy).toBe("network");
    expect(expectedOutcome({ ...granted, origin: { callerOf: null }, layers: "application-only" }).refusedBy).toBe(
      "nobody",
    );
    expect(expectedOutcome({ ...granted, caller: stranger.caller, layers: "network-only" }).refusedBy).toBe("nobody");
  });

  it("an operation without a role asks for no token, and the network refuses it all the same", () => {
    const health = { ...granted, operation: { ...granted.operation, role: null }, caller: { ...caller, roles: [] } };
    expect(expectedOutcome(health).refusedBy).toBe("nobody");
    expect(expectedOutcome({ ...health, origin: { callerOf: null } }).refusedBy).toBe("network");
  });
});

describe("the matrix follows the policy", () => {
  const withThird = (callers: Policy["services"][string]["callers"]): Policy => ({
    services: {
      ...accessPolicy.services,
      "callee-func": { ...accessPolicy.services["callee-func"], callers },
      "third-func": { subnet: 2, roles: {}, callers: {} },
    },
  });
  const outcomes = (policy: Policy, who: string): (string | null)[] =>
    matrixOf(policy)
      .filter(({ id }) => /^both\/(?!host-)/.test(id) && id.endsWith(`/callerSubnet/${who}`))
      .map(({ expected }) => expected.code ?? expected.refusedBy);

  it("issues no token to a further service without a grant", () => {
    const policy = withThird(accessPolicy.services["callee-func"].callers);
    expect(outcomes(policy, "third-func")).toEqual(
      operations.filter(({ service }) => service === "callee-func").map(() => "AADSTS501051"),
    );
  });

  it("lets a further caller do what it is granted, and no more", () => {
    const policy = withThird({ "caller-func": ["Records.Read"], "third-func": ["Records.Manage"] });
    expect(outcomes(policy, "third-func")).toEqual(["nobody", "role-missing", "role-missing", "nobody"]);
    expect(outcomes(policy, "caller-func")).toEqual(["nobody", "nobody", "role-missing", "role-missing"]);
  });

  it("lets each calling service in from its own network, with both layers on", () => {
    const policy = withThird({ "caller-func": ["Records.Read"], "third-func": ["Records.Read"] });
    expect(originsOf(policy, "callee-func").map(({ id, title, callerOf }) => [id, title, callerOf])).toEqual([
      ["callerSubnet", "caller-func's subnet", "caller-func"],
      ["third-func-subnet", "third-func's subnet", "third-func"],
      ["otherSubnet", "another subnet", "callee-func"],
      ["internet", "the internet", null],
    ]);
    const through = matrixOf(policy).filter(
      ({ layers, operation, caller, expected }) =>
        layers === "both" && operation === "get-record" && caller === "third-func" && expected.refusedBy === "nobody",
    );
    expect(through.map(({ origin }) => origin)).toEqual(["callerSubnet", "third-func-subnet"]);
  });

  it("a service that may not call has no network that is let in", () => {
    const policy = withThird({ "third-func": ["Records.Read"] });
    expect(originsOf(policy, "callee-func").map(({ id, title }) => [id, title])).toEqual([
      ["callerSubnet", "the caller's subnet"],
      ["otherSubnet", "another subnet"],
      ["internet", "the internet"],
    ]);
  });

  describe("for external callers, one from its subnet and one from its addresses", () => {
    const cells = matrixOf(accessPolicy);
    const of = (id: string): unknown => cells.find((cell) => cell.id === id)?.expected;
    const reached = (pattern: RegExp): string[] =>
      cells.filter(({ id, expected }) => pattern.test(id) && expected.refusedBy === "nobody").map(({ id }) => id);

    it("lets each do what it is granted, from each network that is let in", () => {
      const operations = (caller: string): string[] =>
        reached(new RegExp(`^both/(get-record|write-entry|set-record)/.*/${caller}$`)).map((id) =>
          id.split("/").slice(1, 3).join(" from "),
        );
      const networks = ["callerSubnet", "batch-jobs-subnet", "partner-gateway-addresses"];
      expect(operations("batch-jobs")).toEqual(networks.map((network) => `get-record from ${network}`));
      expect(operations("partner-gateway")).toEqual(networks.map((network) => `write-entry from ${network}`));
    });

    it("refuses its token from elsewhere, by the network", () => {
      for (const network of ["otherSubnet", "internet"]) {
        const refused = { refusedBy: "network", status: 403, code: null };
        expect(of(`both/get-record/${network}/batch-jobs`)).toEqual(refused);
        expect(of(`both/write-entry/${network}/partner-gateway`)).toEqual(refused);
      }
      expect(of("application-only/get-record/internet/batch-jobs")).toMatchObject({ refusedBy: "nobody" });
    });

    it("refuses in its network everybody else, and its token for what it is not granted, by the application", () => {
      for (const network of ["batch-jobs-subnet", "partner-gateway-addresses"]) {
        const code = (caller: string): unknown => of(`both/get-record/${network}/${caller}`);
        expect(code("not-listed")).toMatchObject({ refusedBy: "application", code: "caller-not-allowed" });
        expect(code("no-role")).toMatchObject({ refusedBy: "application", code: "role-missing" });
        expect(code("partner-gateway")).toMatchObject({ refusedBy: "application", code: "role-missing" });
        expect(code("no-token")).toMatchObject({ refusedBy: "application", status: 401 });
        expect(code("unassigned")).toMatchObject({ refusedBy: "identity-provider" });
        expect(of(`both/host-keys/${network}/master-key`)).toMatchObject({ refusedBy: "host", status: 403 });
        expect(cells.some(({ id }) => id.startsWith(`both/attack/${network}/`))).toBe(true);
      }
    });

    it("gets no token for a service that does not grant it anything", () => {
      const own = { subnet: 2, roles: accessPolicy.services["callee-func"].roles, callers: {} };
      const { services, ...others } = accessPolicy;
      const row = callersOf({ ...others, services: { ...services, "third-func": own } }, "third-func").find(
        ({ id }) => id === "batch-jobs",
      );
      expect(row).toMatchObject({
        title: "batch-jobs, granted nothing",
        description: "An external caller of the policy that may not call.",
        standing: { assigned: false, listed: false, roles: [] },
      });
      expect(originsOf({ services: { "third-func": own } }, "third-func").map(({ id }) => id)).toEqual([
        "otherSubnet",
        "internet",
      ]);
    });
  });

  it("makes as many calls of the present policy as ever, under the same names", () => {
    const cells = matrixOf(accessPolicy);
    expect(cells).toHaveLength(4_500);
    expect(new Set(cells.map(({ origin }) => origin))).toEqual(
      new Set(["callerSubnet", "batch-jobs-subnet", "partner-gateway-addresses", "otherSubnet", "internet"]),
    );
  });

  it("nobody gets more of the Functions host itself than an empty answer, with either layer off and with its master key", () => {
    const answers = matrixOf(accessPolicy).filter(({ id }) => /^[^/]+\/host-/.test(id));
    const callers = callersOf(accessPolicy, "callee-func").map(({ id }) => id);
    expect(answers).toHaveLength(3 * 13 * 5 * callers.length);
    const through = answers.filter(({ expected }) => expected.refusedBy === "nobody");
    expect(new Set(through.map(({ operation }) => operation))).toEqual(
      new Set(["host-ping", "host-warmup", "host-http-health", "host-home"]),
    );
    expect(new Set(through.map(({ caller }) => caller))).toEqual(
      new Set(callers.filter((caller) => caller !== "unassigned")),
    );
    const of = (id: string): unknown => answers.find((cell) => cell.id === id)?.expected;
    expect(of("both/host-keys/callerSubnet/caller-func")).toEqual({ refusedBy: "host", status: 401, code: null });
    expect(of("both/host-keys/callerSubnet/master-key")).toEqual({ refusedBy: "host", status: 403, code: null });
    expect(of("network-only/host-keys/callerSubnet/master-key")).toEqual({
      refusedBy: "host",
      status: 403,
      code: null,
    });
    expect(of("both/host-ping/internet/master-key")).toEqual({ refusedBy: "network", status: 403, code: null });
  });

  it("a role that nobody is granted lets nobody through, with either layer on", () => {
    const setting = matrixOf(accessPolicy).filter(({ id }) => /^(both|application-only)\/set-record\//.test(id));
    expect(setting.length).toBeGreaterThan(40);
    expect(setting.filter(({ expected }) => expected.refusedBy === "nobody")).toEqual([]);
  });

  it("names every kind of caller once", () => {
    const ids = callersOf(accessPolicy, "callee-func").map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(() => callersOf(accessPolicy, "nobody-func")).toThrow("no service nobody-func");
  });
});

describe("who decided is told by the answer", () => {
  const problem = { "content-type": "application/problem+json" };
  it.each([
    ["the front end", 403, { "x-ms-forbidden-ip": "203.0.113.7" }, "", "network", null],
    [
      "the guard",
      401,
      { ...problem, "www-authenticate": "Bearer" },
      '{"code":"no-credentials"}',
      "application",
      "no-credentials",
    ],
    ["the guard, without keys", 503, problem, '{"code":"keys-unavailable"}', "application", "keys-unavailable"],
    ["a 403 that says nothing", 403, {}, "", "application", null],
    ["the operation", 409, problem, '{"code":"in-use"}', "nobody", "in-use"],
    ["the operation, with a page", 200, { "content-type": "text/html" }, '{"code":"x"}', "nobody", null],
    ["a problem that cannot be read", 500, problem, "{", "nobody", null],
    ["a code that is no text", 500, problem, '{"code":1}', "nobody", null],
  ])("%s", (_, status, headers, body, refusedBy, code) => {
    expect(outcomeOf({ status, headers, body })).toEqual({ refusedBy, status, code });
  });

  it("the Functions host refuses its own paths, and says nothing", () => {
    const answer = (status: number): unknown => outcomeOf({ status, headers: {}, body: "" }, "host");
    for (const status of [401, 403, 404]) expect(answer(status)).toEqual({ refusedBy: "host", status, code: null });
    expect(answer(204)).toEqual({ refusedBy: "nobody", status: 204, code: null });
    const byNetwork = { status: 403, headers: { "x-ms-forbidden-ip": "203.0.113.7" }, body: "" };
    expect(outcomeOf(byNetwork, "host").refusedBy).toBe("network");
  });
});
