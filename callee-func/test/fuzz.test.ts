import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mintToken, startTestSystem, tableOf, type TestSystem } from "../../local/index.ts";
import {
  badSegments,
  bodiesLike,
  isIdentifier,
  isUnits,
  membersOf,
  type RawResponse,
  sendRaw,
} from "../../tools/testing/bad-input.ts";

let system: TestSystem;
let token: string;

beforeAll(async () => {
  system = await startTestSystem();
  const roles = ["Inventory.Read", "Inventory.Reserve", "Inventory.Manage"];
  token = await mintToken(system.endpoints.entra.control, { claims: { roles } });
});
// Whatever the tests before this have sent, nothing came of it.
afterAll(async () => {
  expect(await rows()).toEqual([]);
  expect(system.log.filter((line) => line.includes("the worker ended"))).toEqual([]);
  await system.stop();
});

const send = (method: string, path: string, options: Parameters<typeof sendRaw>[3] = {}): Promise<RawResponse> =>
  sendRaw(system.endpoints.callee.callerSubnet, method, path, {
    ...options,
    headers: { Authorization: `Bearer ${token}`, ...options.headers },
  });

/** One of these codes in a problem document, or the host's own 404 for a path that leads to no function. */
function expectProblem(answer: RawResponse, codes: readonly string[]): void {
  if (answer.status === 404 && answer.body === "") return;
  expect(answer).toMatchObject({ headers: { "content-type": "application/problem+json" } });
  expect(codes).toContain(`${answer.status} ${(JSON.parse(answer.body) as { code: string }).code}`);
}

const BODY = ["400 invalid-body", "413 body-too-large"];

describe("a bad body is a 400 or a 413", () => {
  test("PUT /api/reservations/{orderId}", () =>
    fc.assert(
      fc.asyncProperty(
        bodiesLike({ sku: fc.constant("widget"), quantity: fc.integer({ min: 1, max: 9 }) }),
        fc.boolean(),
        async (body, chunked) => {
          const members = membersOf(body, ["sku", "quantity"]);
          fc.pre(chunked || !(members && isIdentifier(members["sku"]) && isUnits(members["quantity"], 1)));
          expectProblem(await send("PUT", "/api/reservations/fuzz-1", { body, chunked }), BODY);
        },
      ),
      { numRuns: 300 },
    ));

  test("PUT /api/inventory/{sku}", () =>
    fc.assert(
      fc.asyncProperty(bodiesLike({ onHand: fc.nat() }), fc.boolean(), async (body, chunked) => {
        fc.pre(chunked || !isUnits(membersOf(body, ["onHand"])?.["onHand"], 0));
        expectProblem(await send("PUT", "/api/inventory/fuzz-1", { body, chunked }), BODY);
      }),
      { numRuns: 300 },
    ));
});

test.each<[string, string, string | undefined]>([
  ["GET", "/api/inventory/", undefined],
  ["PUT", "/api/inventory/", '{"onHand":1}'],
  ["PUT", "/api/reservations/", '{"sku":"widget","quantity":1}'],
])("%s %s{bad id}: a 400", (method, path, body) =>
  fc.assert(
    fc.asyncProperty(badSegments, async (segment) => {
      const answer = await send(method, path + segment, body === undefined ? {} : { body });
      expectProblem(answer, ["400 invalid-identifier"]);
    }),
    { numRuns: 150 },
  ),
);

test("a bad Authorization header is a 400 or a 401, whatever else the request is", () =>
  fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({
          maxLength: 200,
          unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
        }),
        fc.string({ maxLength: 80 }).map((value) => `Bearer ${Buffer.from(value).toString("base64url")}`),
        fc
          .array(fc.json(), { minLength: 3, maxLength: 3 })
          .map((parts) => `Bearer ${parts.map((part) => Buffer.from(part).toString("base64url")).join(".")}`),
        fc.constantFrom("", "Bearer", "Bearer ", "bearer a b", "Basic YTpi", "Bearer ..", "Bearer a.b.c, Bearer a.b.c"),
      ),
      fc.constantFrom<[string, string]>(
        ["GET", "/api/inventory/widget"],
        ["PUT", "/api/reservations/fuzz-1"],
        ["PUT", "/api/inventory/widget"],
      ),
      async (authorization, [method, path]) => {
        const body = path.includes("reservations") ? '{"sku":"widget","quantity":1}' : '{"onHand":5}';
        const options = { headers: { Authorization: authorization }, ...(method === "PUT" && { body }) };
        const { status, headers } = await send(method, path, options);
        expect([400, 401]).toContain(status);
        expect(headers["www-authenticate"]).toMatch(/^Bearer/);
      },
    ),
    { numRuns: 300 },
  ));

/** What the callee's table holds. */
async function rows(): Promise<string[]> {
  const found: string[] = [];
  for await (const { rowKey } of (await tableOf(system, "callee-func", "inventory")).listEntities())
    found.push(rowKey ?? "");
  return found;
}
