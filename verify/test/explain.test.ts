/** `explain` for the example's access policy: what it says, and which arguments it takes. */
import "../../tools/testing/example-system.ts";
import { refusalCodes } from "@restricted-calls/shared/authorization";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../tools/command-line.ts";
import { type ExplainedStep, explain, type Explanation } from "../explain/explanation.ts";
import { factOf } from "../explain/facts.ts";
import { type Arguments, questionOf } from "../explain/question.ts";
import { refusalCodeRow } from "../explain/refusal-codes.ts";
import { policy } from "../model/policy.ts";
import { testAgreement } from "./explain/agreement.ts";

testAgreement();

const READ = "GET /api/records/x";

function answer(given: Partial<Arguments> = {}): Explanation {
  return explain(questionOf(policy, { caller: "caller-func", call: READ, ...given }));
}

/** The point that refuses; fails if none does. */
function refusal(given: Partial<Arguments>): ExplainedStep {
  const { steps } = answer(given);
  const found = steps.find(({ state }) => state === "refused");
  if (found === undefined) throw new Error("No point refuses this call.");
  return found;
}

describe("a granted call", () => {
  it("passes every point, from the caller's own network by default", () => {
    const { outcome, steps, call } = answer();
    expect(outcome.refusedBy).toBe("nobody");
    expect(steps.map(({ id, state }) => `${id}: ${state}`)).toEqual([
      "token: ok",
      "network: ok",
      "host: not-asked",
      "token-check: ok",
      "allow-list: ok",
      "role: ok",
    ]);
    expect(call).toContain("from the subnet of caller-func");
  });

  it("of an external caller comes from its addresses or its subnet", () => {
    expect(answer({ caller: "partner-gateway", call: "PUT /api/entries/x" }).call).toContain(
      "from the addresses of partner-gateway",
    );
    expect(answer({ caller: "batch-jobs" }).outcome.refusedBy).toBe("nobody");
  });
});

describe("with one thing wrong, only the point that it is about refuses, and says why:", () => {
  it.each<[string, Partial<Arguments>, string, RegExp, RegExp]>([
    ["no assignment", { as: "unassigned" }, "token", /issues no token to no-role/, /does not name no-role/],
    [
      "a network",
      { from: "other-subnet" },
      "network",
      /admit the subnet of caller-func, .* comes from another/,
      /Call from/,
    ],
    [
      "the internet",
      { from: "internet" },
      "network",
      /comes from the internet/,
      /Call from the subnet of caller-func or/,
    ],
    ["no token", { as: "no-token" }, "token-check", /no-credentials/, /Send a token/],
    ["a user's token", { as: "delegated" }, "token-check", /not-app-only/, /client credentials/],
    ["another tenant", { as: "other-tenant" }, "token-check", /wrong-issuer/, /correct the setting/],
    [
      "not listed",
      { as: "unlisted" },
      "allow-list",
      /ALLOWED_CALLERS .* does not have .* unlisted/,
      /does not name unlisted/,
    ],
    [
      "a role of the policy's caller",
      { call: "PUT /api/records/x" },
      "role",
      /requires Records\.Manage. The token has Records\.Read and Records\.Write only/,
      /name it .* with Records\.Manage.*24 hours/,
    ],
    [
      "a role of another identity",
      { call: "PUT /api/entries/x", as: "reader-only" },
      "role",
      /has Records\.Read only/,
      /does not name/,
    ],
    [
      "the host's endpoints",
      { call: "GET /admin/host/keys", as: "master-key" },
      "host",
      /with 403/,
      /Resource Manager/,
    ],
  ])("%s", (_, given, id, fact, fix) => {
    const { steps } = answer(given);
    const found = steps.find((step) => step.id === id);
    expect(steps.filter(({ state }) => state === "refused")).toEqual([found]);
    expect(found?.fact).toMatch(fact);
    expect(found?.fix).toMatch(fix);
    expect(steps.slice(steps.findIndex((step) => step.id === id) + 1).map(({ state }) => state)).toEqual(
      steps.slice(steps.findIndex((step) => step.id === id) + 1).map(() => "not-reached"),
    );
  });

  it("names the rule's source: the policy's line, the template's line, and the setting", () => {
    expect(refusal({ from: "internet" }).sources.join()).toMatch(
      /^shared\/access-policy\.json:\d+,infra\/modules\/site\.bicep:\d+$/,
    );
    expect(refusal({ as: "not-listed" }).sources.join()).toMatch(
      /^shared\/access-policy\.json:\d+,ALLOWED_CALLERS of callee-func \(infra\/modules\/service\.bicep:\d+\)$/,
    );
    expect(refusal({ call: "PUT /api/records/x" }).sources.join()).toMatch(
      /^shared\/access-policy\.json:\d+,callee-func\/contract\.ts/,
    );
  });
});

describe("the arguments", () => {
  it.each<[string, Partial<Arguments>, string]>([
    ["a parameter", { call: "GET /api/records/any-thing" }, "(get-record)"],
    ["another method of the route", { call: "PUT /api/records/x" }, "(set-record)"],
    ["a query string, and small letters", { call: "get /API/Records/x?code=y" }, "(get-record)"],
    ["dot segments, as the host's web server removes them", { call: "GET /api/records/../health" }, "(health)"],
    ["an endpoint of the host", { call: "GET /admin/host/status" }, "(host-status)"],
    ["a network by its id", { from: "callerSubnet" }, "from the subnet of caller-func"],
    ["a network by its caller", { from: "partner-gateway" }, "from the addresses of partner-gateway"],
    ["a network by the report's id", { from: "batch-jobs-subnet" }, "from the subnet of batch-jobs"],
    ["a kind of caller by its identity", { as: "reader-only" }, "As other-role:"],
    ["a kind of caller rather than an identity of that name", { as: "no-role" }, "As no-role:"],
    ["the app registration of the caller", { as: "caller-app" }, "caller-func calls"],
  ])("take %s", (_, given, words) => {
    expect(answer(given).call).toContain(words);
  });

  it.each<[string, Partial<Arguments>, RegExp]>([
    ["caller", { caller: "nobody" }, /no caller "nobody".* caller-func, callee-func, batch-jobs, partner-gateway\.$/],
    ["kind of caller", { as: "nobody" }, /"nobody".* other-role, .*reader-only/],
    ["network", { from: "nowhere" }, /"nowhere".* caller-func, .*other-subnet, .*internet/],
    ["service", { service: "nothing" }, /no service "nothing".* caller-func, callee-func/],
    ["path", { call: "GET /api/nothing" }, /Known: GET \/api\/health, GET \/api\/records\/\{id\}/],
    ["method of a route", { call: "DELETE /api/records/x" }, /No operation is DELETE/],
    ["longer path", { call: "GET /api/records/x/y" }, /No operation is/],
  ])("refuse an unknown %s, with the known ones", (_, given, message) => {
    expect(() => answer(given)).toThrow(UsageError);
    expect(() => answer(given)).toThrow(message);
  });

  it.each<[string, Partial<Arguments>, RegExp]>([
    ["no path", { call: "GET" }, /a method and a path/],
    ["an address", { call: "GET https://example.com/api/health" }, /a method and a path/],
    ["a service without roles", { call: "GET /api/work" }, /caller-func has no app roles/],
    ["a call of itself", { caller: "callee-func" }, /does not call itself/],
  ])("refuse %s", (_, given, message) => {
    expect(() => answer(given)).toThrow(UsageError);
    expect(() => answer(given)).toThrow(message);
  });
});

describe("every refusal code", () => {
  it.each(refusalCodes)("%s has a cause, a remedy and sources", (code) => {
    const { status, cause, remedy } = refusalCodeRow(code);
    expect({ status: status >= 400, cause: cause.length > 5, remedy: remedy.length > 5 }).toEqual({
      ...{ status: true, cause: true, remedy: true },
    });
    expect(`${cause}${remedy}`).not.toMatch(/[`[\]]/);
    const about = {
      ...{ policy, who: null, origin: null, token: { sent: true, roles: null } },
      operation: { service: "callee-func", role: "Records.Read", call: "", place: "callee-func/contract.ts" },
    };
    expect(factOf("token-check", about, { refusedBy: "application", status, code }).sources.length).toBeGreaterThan(0);
  });

  it("is one of the page's", () => {
    expect(() => refusalCodeRow("no-such-code")).toThrow("no-such-code");
  });
});
