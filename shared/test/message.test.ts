import { describe, expect, test } from "vitest";
import { afterAttempt as afterAttemptAt, type Message, newMessage, retried } from "../outbox/message.ts";
import type { ServiceOutcome } from "../service-client/index.ts";

const T0 = new Date("2026-01-01T00:00:00Z");
const at = (milliseconds: number): Date => new Date(T0.getTime() + milliseconds);
interface Letter {
  readonly text: string;
}
const message = newMessage<Letter>({ id: "m-1", payload: { text: "hello" } }, T0, at(60_000));
const destination = {
  isDone: ({ id, payload }: Pick<Message<Letter>, "id" | "payload">, body: unknown): boolean =>
    JSON.stringify(body) === JSON.stringify({ id, text: payload.text }),
  refusalCodes: ["unknown-address", "letter-conflict", "box-full"],
};
const afterAttempt = (tried: Message<Letter>, outcome: ServiceOutcome, now: Date): Message<Letter> =>
  afterAttemptAt(tried, outcome, destination, now);
const DAY = 24 * 3600_000;

const answer = (status: number, body: unknown, refusedBy?: "network" | "authorization"): ServiceOutcome => ({
  kind: "response",
  status,
  body,
  refusedBy,
  tries: 1,
});
const silence: ServiceOutcome = { kind: "no-response", reason: "ECONNREFUSED", tries: 3 };
const receipt = { id: "m-1", text: "hello" };

test("a new message is pending and nothing has been tried, from its creation on", () => {
  expect(message).toEqual({
    ...{ id: "m-1", payload: { text: "hello" } },
    ...{ state: "pending", attempts: 0, history: [] },
    ...{ createdAt: T0, pendingSince: T0, dueAt: at(60_000) },
  });
});

describe("the destination's decision ends a message", () => {
  test.each([200, 201, 202])("%i: done", (status) => {
    const next = afterAttempt(message, answer(status, receipt), T0);
    expect(next).toMatchObject({ state: "done", attempts: 1 });
    expect(next).not.toHaveProperty("dueAt");
  });
  test.each([
    [400, "letter-conflict"],
    [404, "unknown-address"],
    [409, "box-full"],
    [409, "letter-conflict"],
  ])("%i %s: refused, with the reason", (status, code) => {
    const next = afterAttempt(message, answer(status, { code }), T0);
    expect(next).toMatchObject({ state: "refused", reason: code, attempts: 1 });
    expect(next).not.toHaveProperty("dueAt");
  });
});

describe("a message stays pending after", () => {
  test.each<[string, ServiceOutcome]>([
    ["silence", silence],
    ["401", answer(401, { code: "token-expired" }, "authorization")],
    ["403 of the network", answer(403, "<html>", "network")],
    ["403 of the callee", answer(403, { code: "role-missing" }, "authorization")],
    ["404 of a function that is not there", answer(404, "")],
    ["404 with another code", answer(404, { code: "not-this" })],
    ["408", answer(408, { code: "x" })],
    ["413", answer(413, { code: "body-too-large" })],
    ["429", answer(429, { code: "x" })],
    ["500", answer(500, "")],
    ["503", answer(503, { code: "busy" })],
    ["a redirect", answer(307, "")],
    ["400 that is not the callee's", answer(400, "<html>Bad Request</html>")],
    ["400 after the callee changed its schema", answer(400, { code: "invalid-body" })],
    ["400 of the guard", answer(400, { code: "malformed-credentials" })],
    ["409 that is not the callee's", answer(409, "")],
    ["409 with another code", answer(409, { code: "below-minimum" })],
    ["409 with a code as it is called in JavaScript", answer(409, { code: "toString" })],
    ["409 with a final code within a text", answer(409, JSON.stringify({ code: "letter-conflict" }))],
    ["409 with a final code among others", answer(409, { code: ["letter-conflict"] })],
    ["403 with a final code", answer(403, { code: "letter-conflict" }, "authorization")],
    ["500 with a final code", answer(500, { code: "letter-conflict" })],
    ["302 with a final code", answer(302, { code: "letter-conflict" })],
    ["200 of something else", answer(200, "<html>a captive portal</html>")],
    ["200 for another message", answer(200, { ...receipt, id: "m-2" })],
    ["201 for another text", answer(201, { ...receipt, text: "bye" })],
    ["204", answer(204, "")],
  ])("%s", (_, outcome) => {
    const next = afterAttempt(message, outcome, T0);
    expect(next).toMatchObject({ state: "pending", attempts: 1, dueAt: at(2_000) });
    expect(next.reason).toBeTruthy();
  });
});

describe("nothing sent is no attempt: the message stays as it is, and says why", () => {
  test.each<[string, ServiceOutcome]>([
    ["no token", { kind: "no-token", reason: "AADSTS501051", tries: 0 }],
    ["an open circuit", { kind: "held-back", reason: "left alone for a moment", tries: 0 }],
  ])("%s", (_, outcome) => {
    const tried = { ...message, attempts: 5 };
    const next = afterAttempt(tried, outcome, T0);
    expect(next).toMatchObject({ state: "pending", attempts: 5, dueAt: at(2_000) });
    expect(next.reason).toContain(outcome.kind);
    expect(afterAttempt(tried, outcome, at(DAY)).state).toBe("stuck");
  });
});

describe("what is kept of a refusal is bounded and typed", () => {
  const problem = {
    code: "box-full",
    detail: "2 letters fit.",
    status: 409,
    title: "Conflict",
  };
  const kept = (body: object): unknown => afterAttempt(message, answer(409, body), T0).problem;

  test("the callee's problem document", () => {
    expect(afterAttempt(message, answer(409, problem), T0)).toMatchObject({ reason: "box-full", problem });
  });
  test.each<[string, object, object]>([
    ["a detail that is huge", { detail: "x".repeat(20_000) }, { detail: "x".repeat(2_000) }],
    [
      "a detail that ends in half a character",
      { detail: `${"x".repeat(1_999)}😀` },
      { detail: `${"x".repeat(1_999)}�` },
    ],
    ["a title that is huge", { title: "x".repeat(20_000) }, { title: "x".repeat(500) }],
    ["control characters", { detail: "a\u0000b\r\nc" }, { detail: "a b c" }],
    ["members of another type", { detail: { toString: 1 }, title: 5, status: "409" }, {}],
    ["members that are not known", { ...problem, more: "x".repeat(20_000) }, problem],
  ])("not %s", (_, members, expected) => {
    expect(kept({ code: problem.code, ...members })).toEqual({ code: problem.code, ...expected });
  });
  test("not how deep it is", () => {
    const deep = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`) as unknown;
    expect(kept({ code: problem.code, deep })).toEqual({ code: problem.code });
  });
});

describe("an answer whose code is none is an answer without a code", () => {
  test.each<[string, unknown]>([
    ["40,000 characters", "x".repeat(40_000)],
    ["an object", { toString: 1 }],
    ["a line", "a b"],
    ["nothing", ""],
    ["null", null],
  ])("%s", (_, code) => {
    const next = afterAttempt(message, answer(409, { code }), T0);
    expect(next).toMatchObject({ state: "pending", attempts: 1, reason: "the callee responded 409" });
  });
});

test("what Entra says is bounded, too", () => {
  const outcome: ServiceOutcome = { kind: "no-token", reason: `😀${"\u0000\ud83d".repeat(10_000)}`, tries: 0 };
  let next = message;
  for (let i = 0; i < 12; i++) next = afterAttempt(next, { ...outcome, reason: `${i}${outcome.reason}` }, at(i));
  expect(next.reason?.length).toBeLessThanOrEqual(500);
  expect(next.reason?.isWellFormed()).toBe(true);
  expect(JSON.stringify(next.history).length).toBeLessThan(32_000);
});

test("keeps a history of what stood in the way: the same again is one entry, and the latest ten stay", () => {
  let next = afterAttempt(message, silence, at(1_000));
  next = afterAttempt(next, silence, at(2_000));
  next = afterAttempt(next, answer(503, { code: "busy" }), at(3_000));
  expect(next.history).toEqual([
    { what: "no-response: ECONNREFUSED", times: 2, first: at(1_000).toISOString(), last: at(2_000).toISOString() },
    { what: "the callee responded 503 busy", times: 1, first: at(3_000).toISOString(), last: at(3_000).toISOString() },
  ]);
});

test("a history keeps the first cause and the latest nine", () => {
  let next = afterAttempt(message, silence, at(0));
  for (let i = 1; i <= 20; i++) next = afterAttempt(next, answer(500 + i, ""), at(i));
  expect(next.history.map(({ what }) => what)).toEqual([
    "no-response: ECONNREFUSED",
    ...Array.from({ length: 9 }, (_, i) => `the callee responded ${512 + i}`),
  ]);
});

describe("the same cause is one entry, whatever ids and times the single request had", () => {
  const id = (i: number): string => `0c7e6f1a-${String(i).padStart(4, "0")}-4000-8000-00000000000${i}`;
  test.each<[string, (i: number) => string, string]>([
    [
      "Entra",
      (i) =>
        `AADSTS501051: Application '8d6b' is not assigned. Trace ID: ${id(i)} Correlation ID: ${id(9 - i)} Timestamp: 2026-01-0${i} 00:00:00Z`,
      "no-token: AADSTS501051: Application '8d6b' is not assigned.",
    ],
    [
      "MSAL",
      (i) =>
        `invalid_client: 7000222 - [2026-01-0${i} 00:00:00Z]: AADSTS7000222: expired - Correlation ID: ${id(i)} - Trace ID: ${id(i)}`,
      "no-token: invalid_client: 7000222 - : AADSTS7000222: expired - -",
    ],
    [
      "App Service",
      (i) => `500 {"message":"An unexpected error occured","correlationId":"${id(i)}"}`,
      'no-token: 500 {"message":"An unexpected error occured","}',
    ],
  ])("%s", (_, reason, what) => {
    let next = message;
    for (let i = 1; i <= 5; i++) next = afterAttempt(next, { kind: "no-token", reason: reason(i), tries: 0 }, at(i));
    expect(next.history).toEqual([{ what, times: 5, first: at(1).toISOString(), last: at(5).toISOString() }]);
    expect(next.reason).toContain(id(5)); // for whoever asks Microsoft about the latest one
  });
});

describe("of an id or a time nothing is left in the history, however it is written", () => {
  test.each([
    "Correlation Id : 0c7e6f1a-0001-4000-8000-000000000001",
    "request-id 0c7e6f1a-0001-4000-8000-000000000001",
    "Timestamp : 2026-01-01 00:00:00Z",
    "Timestamp:2026-01-01 00:00:00Z",
    "Timestamp 2026-01-01 00:00:00Z",
    "timestamp': '2026-01-01T00:00:00Z'",
    "2026-01-01T00:00:00.123Z",
    "2026-01-01 00:00:00",
  ])("%s", (written) => {
    const next = afterAttempt(message, { kind: "no-token", reason: `before ${written} after`, tries: 0 }, T0);
    expect(next.history).toMatchObject([{ what: "no-token: before after" }]);
  });
});

test("says that it was the network that refused", () => {
  const refused = answer(403, "<html>", "network");
  expect(afterAttempt(message, refused, T0).reason).toBe("the callee responded 403 by its access restrictions");
});

test("says what to do where the service client knows", () => {
  const refused = { ...answer(403, { code: "role-missing" }, "authorization"), advice: "grant the role" };
  expect(afterAttempt(message, refused, T0).reason).toBe("the callee responded 403 role-missing: grant the role");
});

describe("waits as long as the callee asks", () => {
  const busy = (retryAfterMs: number): ServiceOutcome => ({ ...answer(429, ""), retryAfterMs }) as ServiceOutcome;
  test.each([
    ["longer than its own wait", 30_000, 30_000],
    ["not less than its own wait", 500, 2_000],
    ["a quarter of an hour at the most", 3_600_000, 900_000],
  ])("%s", (_, asked, wait) => {
    expect(afterAttempt(message, busy(asked), T0).dueAt).toEqual(at(wait));
  });
});

test("waits twice as long after each attempt, and a quarter of an hour at the most", () => {
  const waits: number[] = [];
  let next = message;
  for (let attempt = 0; attempt < 12; attempt++) {
    next = afterAttempt(next, silence, T0);
    waits.push(((next.dueAt?.getTime() ?? 0) - T0.getTime()) / 1000);
  }
  expect(waits).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
});

describe("a message that could not be delivered for a day", () => {
  test("is stuck, and not a moment earlier", () => {
    expect(afterAttempt(message, silence, at(DAY - 1)).state).toBe("pending");
    const stuck = afterAttempt(message, silence, at(DAY));
    expect(stuck).toMatchObject({ state: "stuck", reason: "no-response: ECONNREFUSED" });
    expect(stuck).not.toHaveProperty("dueAt");
  });

  test("is still done when the callee says so then", () => {
    expect(afterAttempt(message, answer(200, receipt), at(DAY)).state).toBe("done");
  });

  test("can be retried, for another day", () => {
    const again = retried(afterAttempt(message, silence, at(DAY)), at(2 * DAY));
    expect(again).toMatchObject({ state: "pending", dueAt: at(2 * DAY), createdAt: T0 });
    expect(again).not.toHaveProperty("reason");
    expect(again && afterAttempt(again, silence, at(2 * DAY + 1)).state).toBe("pending");
  });
});

describe("a retry by a person", () => {
  test("makes a refused message pending anew, and its history says that it was refused", () => {
    const refused = afterAttempt(message, answer(409, { code: "box-full", detail: "none" }), at(1));
    const again = retried(refused, at(2 * DAY));
    expect(again).toMatchObject({ state: "pending", attempts: 1, dueAt: at(2 * DAY), pendingSince: at(2 * DAY) });
    expect(again).not.toHaveProperty("reason");
    expect(again).not.toHaveProperty("problem");
    expect(again?.history).toMatchObject([{ what: "refused, then retried by a person: box-full" }]);
  });
  test("says so in the history of a message that was refused without a reason", () => {
    const { dueAt, ...refused } = { ...message, state: "refused" as const };
    const history = [{ what: "refused, then retried by a person: no reason given" }];
    expect(retried(refused, at(DAY))).toMatchObject({ state: "pending", history });
  });
  test("is none of a pending or a done message", () => {
    expect(retried(message, at(1))).toBeUndefined();
    expect(retried(afterAttempt(message, answer(200, receipt), T0), at(1))).toBeUndefined();
  });
});
