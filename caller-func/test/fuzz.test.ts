import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  badSegments,
  bodiesLike,
  isIdentifier,
  isUnits,
  membersOf,
  type RawResponse,
  sendRaw,
} from "../../tools/testing/bad-input.ts";
import { startTestSystem, type TestSystem } from "../../local/index.ts";

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
});
// Whatever the tests before this have sent, no order came of it.
afterAll(async () => {
  const { body } = await send("GET", "/api/orders");
  expect(JSON.parse(body)).toEqual({ orders: [] });
  expect(system.log.filter((line) => line.includes("the worker ended"))).toEqual([]);
  await system.stop();
});

const send = (method: string, path: string, options: Parameters<typeof sendRaw>[3] = {}): Promise<RawResponse> =>
  sendRaw(system.endpoints.caller, method, path, options);

/** One of these codes in a problem document, or the host's own 404 for a path that leads to no function. */
function expectProblem(answer: RawResponse, codes: readonly string[]): void {
  if (answer.status === 404 && answer.body === "") return;
  expect(answer).toMatchObject({ headers: { "content-type": "application/problem+json" } });
  expect(codes).toContain(`${answer.status} ${(JSON.parse(answer.body) as { code: string }).code}`);
}

const good = { orderId: fc.constant("fuzz-1"), sku: fc.constant("widget"), quantity: fc.integer({ min: 1, max: 9 }) };

const isOrder = (body: string | Uint8Array): boolean => {
  const members = membersOf(body, ["orderId", "sku", "quantity"]);
  if (members === undefined) return false;
  const { orderId, sku, quantity } = members;
  return (orderId === undefined || isIdentifier(orderId)) && isIdentifier(sku) && isUnits(quantity, 1);
};

test("POST /api/orders: a bad body is a 400 or a 413, and no order", () =>
  fc.assert(
    fc.asyncProperty(bodiesLike(good), fc.boolean(), async (body, chunked) => {
      fc.pre(chunked || !isOrder(body));
      expectProblem(await send("POST", "/api/orders", { body, chunked }), ["400 invalid-body", "413 body-too-large"]);
    }),
    { numRuns: 300 },
  ));

test("GET /api/orders/{orderId} and its retry: a bad id is a 400", () =>
  fc.assert(
    fc.asyncProperty(badSegments, fc.boolean(), async (segment, retry) => {
      const answer = retry
        ? await send("POST", `/api/orders/${segment}/retry`, { body: "" })
        : await send("GET", `/api/orders/${segment}`);
      expectProblem(answer, ["400 invalid-identifier", "404 unknown-order"]);
    }),
    { numRuns: 300 },
  ));

const queryText = fc.oneof(
  fc.string({ maxLength: 60, unit: "binary" }).map((value) => encodeURIComponent(value.toWellFormed())),
  fc.json().map((value) => encodeURIComponent(Buffer.from(value.toWellFormed()).toString("base64"))),
  fc
    .constantFrom("%", "%zz", "pending", "' or '1' eq '1", "eyJuZXh0Um93S2V5IjoxfQ", "%7B%7D")
    .map((value) => value.replaceAll(" ", "%20")),
);

test("GET /api/orders: a bad query is a 400, or lists nothing", () =>
  fc.assert(
    fc.asyncProperty(fc.option(queryText), fc.option(queryText), async (state, token) => {
      const query = [
        ...(state === null ? [] : [`state=${state}`]),
        ...(token === null ? [] : [`continuationToken=${token}`]),
      ].join("&");
      const answer = await send("GET", `/api/orders?${query}`);
      if (answer.status === 200) expect(JSON.parse(answer.body)).toMatchObject({ orders: [] });
      else expectProblem(answer, ["400 invalid-query"]);
    }),
    { numRuns: 200 },
  ));

test("methods that no function takes: 404", async () => {
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
    expect((await send(method, "/api/orders", { body: "{}" })).status).toBe(404);
  }
});
