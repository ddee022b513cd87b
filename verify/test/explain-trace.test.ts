/** `explain --trace`: calls to a running system, and recorded events. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { apiNames } from "@restricted-calls/shared/access-policy";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { mintToken, startTestSystem, type TestSystem } from "../../local/index.ts";
import { UsageError } from "../../tools/command-line.ts";
import { typicalOperation } from "../../tools/contracts.ts";
import { poll } from "../../tools/poll.ts";
import { temporaryFolder } from "../../tools/write-file.ts";
import type { Explanation } from "../explain/explanation.ts";
import { printed } from "../explain/print.ts";
import { explainTrace } from "../explain/trace.ts";
import { policy } from "../model/policy.ts";

const [CALLEE = ""] = apiNames(policy);
const [[CALLER, [ROLE = ""]] = ["", []]] = Object.entries(policy.services[CALLEE]?.callers ?? {});

const newTrace = (): string => randomBytes(16).toString("hex");
const parentOf = (trace: string): string => `00-${trace}-00f067aa0ba902b7-01`;

const stateOf = ({ steps }: Explanation, id: string) => steps.find((step) => step.id === id);
const refusedAt = ({ steps }: Explanation) => steps.filter(({ state }) => state === "refused").map(({ id }) => id);

describe("a call to the running system", () => {
  let system: TestSystem;
  beforeAll(async () => {
    system = await startTestSystem();
  });
  afterAll(() => system.stop());

  /** Makes a call, and explains it. */
  async function explained(
    token: object | null,
    network: "from" | "internet" | "otherSubnet" = "from",
  ): Promise<Explanation> {
    const { frontEnds, entra } = system.endpoints;
    const frontEnd = frontEnds[CALLEE];
    const origin = network === "from" ? frontEnd?.from[CALLER] : frontEnd?.[network];
    const { method, sample } = typicalOperation(CALLEE);
    const { path, body } = sample("trace");
    const trace = newTrace();
    const authorization =
      token === null ? {} : { authorization: `Bearer ${await mintToken(entra.control, { api: CALLEE, ...token })}` };
    await fetch(`${origin ?? ""}${path}`, {
      method,
      headers: { traceparent: parentOf(trace), ...authorization },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const recorded = (): Explanation[] => {
      try {
        return explainTrace(policy, system.folder, trace);
      } catch {
        return []; // The host passes the app's lines on a little later.
      }
    };
    const [explanation, ...others] = await poll(
      () => Promise.resolve(recorded()),
      ({ length }) => length > 0,
      {
        timeoutMs: 10_000,
        pauseMs: 50,
      },
    );
    if (explanation === undefined) throw new Error("The call was not recorded.");
    expect(others).toEqual([]);
    return explanation;
  }

  it("that is granted passes every point, and names its caller", async () => {
    const answer = await explained({ as: CALLER });
    expect(answer.outcome).toEqual({ refusedBy: "nobody", status: null, code: null });
    expect(refusedAt(answer)).toEqual([]);
    expect(answer.call).toContain(` ${CALLER} called `);
    expect(stateOf(answer, "role")?.fact).toContain(typicalOperation(CALLEE).role);
  });

  it.each<[string, object | null, string, string, string]>([
    ["no token", null, "token-check", "no-credentials", "that no valid token names"],
    [
      "a user's token",
      { as: CALLER, claims: { scp: "user_impersonation" } },
      "token-check",
      "not-app-only",
      "that no valid",
    ],
    ["an identity that is not listed", { as: "unlisted" }, "allow-list", "caller-not-allowed", " unlisted called "],
    ["an identity without the role", { as: "no-role" }, "role", "role-missing", " no-role called "],
  ])("with %s is refused at its point, by its code", async (_, token, point, code, caller) => {
    const answer = await explained(token);
    expect(refusedAt(answer)).toEqual([point]);
    expect(answer.outcome).toMatchObject({ refusedBy: "application", code });
    expect(answer.call).toContain(caller);
    expect(stateOf(answer, point)?.fix).toMatch(/./);
  });

  it("with a token that is older than the grant says when it was issued", async () => {
    const answer = await explained({ as: CALLER, claims: { roles: [ROLE.slice(1)] } });
    expect(refusedAt(answer)).toEqual(["role"]);
    const { fact, fix } = stateOf(answer, "role") ?? {};
    if (typicalOperation(CALLEE).role === ROLE) expect(fact).toContain(`The policy grants it to ${CALLER}.`);
    expect(fix).toMatch(/This token was issued at \d{4}-\d\d-\d\dT.*Z\. A grant made after .* 24 hours/);
    expect(fix).toContain("https://learn.microsoft.com/entra/");
  });

  it.each(["internet", "otherSubnet"] as const)(
    "from another network is refused by the front end: %s",
    async (network) => {
      const answer = await explained({ as: CALLER }, network);
      expect(refusedAt(answer)).toEqual(["network"]);
      expect(answer.outcome).toEqual({ refusedBy: "network", status: 403, code: null });
      expect(answer.call).toContain("that no service identified");
      expect(stateOf(answer, "network")?.fact).toContain(
        network === "internet" ? "of no caller" : `the subnet of ${CALLEE}`,
      );
      expect(answer.summary).toContain("no rule matches");
    },
  );
});

describe("recorded events", () => {
  const trace = newTrace();
  const good = {
    ...{ event: "authorization", allowed: true, operation: "doIt", requirement: "Some.Role", callerAppId: "a-client" },
    traceParent: parentOf(trace),
  };
  const refused = { ...good, allowed: false };

  /** Explains the trace of these events. */
  function explained(...events: readonly object[]): Explanation[] {
    const { folder, remove } = temporaryFolder("explain-trace-");
    onTestFinished(remove);
    const lines = events.map((event, i) =>
      JSON.stringify({ time: `2026-01-31T10:00:0${i}.000Z`, service: CALLEE, event }),
    );
    writeFileSync(join(folder, "audit-events.jsonl"), lines.map((line) => `${line}\n`).join(""));
    return explainTrace(policy, folder, trace);
  }

  it("of the trace are explained in their order, and of no other trace", () => {
    const refusal = { event: "network-refusal", method: "GET", path: "/x", address: "::1", rule: "a-rule" };
    const answers = explained(
      { ...refusal, traceParent: parentOf(trace) },
      { ...good, traceParent: parentOf(newTrace()) },
      { ...refusal, traceParent: parentOf(newTrace()) },
      { ...good, traceParent: undefined },
      good,
    );
    expect(answers.map(({ call }) => call.split(" ")[0])).toEqual([
      "2026-01-31T10:00:00.000Z",
      "2026-01-31T10:00:04.000Z",
    ]);
    expect(answers[0]?.summary).toContain("by the rule a-rule");
    expect(answers[1]?.call).toContain(" a-client called doIt of ");
  });

  it.each([
    [{ ...refused, code: "caller-denied" }, "allow-list", /DENIED_CALLERS/],
    [{ ...refused, code: "keys-unavailable", callerAppId: undefined }, "token-check", /keys-unavailable/],
    [
      { ...refused, code: "role-missing", requirement: { anyOf: ["A", "B"] } },
      "role",
      /requires A or B\. The token lacks it/,
    ],
    [{ ...refused, code: "role-missing", requirement: { allOf: ["A", "B"] } }, "role", /requires A and B/],
    [
      { ...refused, code: "role-missing", requirement: { assignmentOnly: true } },
      "role",
      /requires no role, but an assignment/,
    ],
  ])("with %o are refused at their point", (event, point, fact) => {
    const [answer] = explained(event);
    expect(answer && refusedAt(answer)).toEqual([point]);
    expect(answer && stateOf(answer, point)?.fact).toMatch(fact);
  });

  it("of a service that only reports were let through", () => {
    const [answer] = explained({ ...good, wouldRefuse: true, code: "role-missing" });
    expect(answer?.outcome.refusedBy).toBe("nobody");
    expect(answer && refusedAt(answer)).toEqual(["role"]);
    expect(answer?.summary).toMatch(
      /^Let through: .* only reports \(REPORT_ONLY_UNTIL\)\. It would refuse: role-missing\.$/,
    );
  });

  it("of a service's own rule pass every other point", () => {
    const [answer] = explained({ ...refused, code: "custom-rule", reason: "closed today" });
    expect(answer && refusedAt(answer)).toEqual([]);
    expect(answer?.outcome).toEqual({ refusedBy: "application", status: 403, code: "custom-rule" });
    expect(answer && printed(answer)).toContain("by the service's own rule (closed today)");
  });

  it("are found by the traceparent, in any letter case", () => {
    const { folder, remove } = temporaryFolder("explain-trace-");
    onTestFinished(remove);
    const line = JSON.stringify({ time: "2026-01-31T10:00:00.000Z", service: CALLEE, event: good });
    writeFileSync(join(folder, "audit-events.jsonl"), `${line}\n`);
    for (const id of [parentOf(trace), trace.toUpperCase()]) expect(explainTrace(policy, folder, id)).toHaveLength(1);
    for (const id of ["", "x", trace.slice(1), `${trace}0`, `00-${trace}`, `${parentOf(trace)}-x`]) {
      expect(() => explainTrace(policy, folder, id), id).toThrow(UsageError);
    }
  });

  it("must be there: of the trace, and of a system at all", () => {
    expect(() => explained({ ...good, traceParent: parentOf(newTrace()) })).toThrow(
      /Nothing is recorded of trace .*'refused'/,
    );
    const { folder, remove } = temporaryFolder("explain-trace-");
    onTestFinished(remove);
    expect(() => explainTrace(policy, folder, trace)).toThrow(/No local system has run in .*npm start/);
  });
});
