import { HttpRequest } from "@azure/functions";
import * as v from "valibot";
import { expect, test } from "vitest";
import { identifier } from "../identifier.ts";
import { readJsonBody } from "../functions/json-body.ts";

const LONG = "x".repeat(15_000);
const schema = v.strictObject({ item: identifier, quantity: v.pipe(v.number(), v.integer(), v.minValue(1)) });

const read = (body: string): Promise<unknown> =>
  readJsonBody(new HttpRequest({ method: "PUT", url: "https://callee/api/x", body: { string: body } }), schema);

test.each<[string, unknown, string]>([
  ["a member that is not known", { item: "a", quantity: 1, [LONG]: 1 }, "xxx...: Invalid key"],
  [
    "a member that is not known, under a name with quotes",
    { item: "a", quantity: 1, ['"'.repeat(30_000)]: 1 },
    "Invalid",
  ],
  [
    "a text in place of a number",
    { item: "a", quantity: LONG },
    "quantity: Invalid type: Expected number but received",
  ],
  ["a number with many digits", { item: "a", quantity: -1.5e300 }, "quantity: Invalid value: Expected"],
  ["a text that is no identifier", { item: LONG, quantity: 1 }, "item: expected 1 to 64 letters"],
  ["a text in place of the whole", LONG, "Expected Object but received"],
  ["all of it", { item: [LONG], quantity: LONG, [LONG]: LONG }, "item: expected"],
])("a 400 repeats no more than a little of %s", async (_, body, detail) => {
  const failure = await read(JSON.stringify(body)).catch((error: unknown) => error);
  expect(failure).toMatchObject({ problem: { status: 400, code: "invalid-body" } });
  const { problem } = failure as { problem: { detail: string } };
  expect(problem.detail).toContain(detail);
  expect(problem.detail.length).toBeLessThan(500);
});

test("a short name or value is repeated whole", async () => {
  await expect(read('{"item": "a", "quantity": "2", "note": ""}')).rejects.toThrow(
    'quantity: Invalid type: Expected number but received "2"; note: Invalid key: Expected never but received "note"',
  );
});

test("a body that is not UTF-8 is no JSON, whatever it looks like", async () => {
  const note = v.strictObject({ note: v.string() });
  const readNote = (bytes: Uint8Array): Promise<unknown> =>
    readJsonBody(new HttpRequest({ method: "PUT", url: "https://callee/api/x", body: { bytes } }), note);
  const body = Buffer.from('{"note": "caf?"}');
  expect(await readNote(body)).toEqual({ note: "caf?" });
  body[body.indexOf("?")] = 0xe9; // as Latin-1 has the last letter
  await expect(readNote(body)).rejects.toThrow("the body is not JSON in UTF-8");
});

test.each([
  [10, "413"],
  [NaN, "413"],
  [undefined, "read"],
])("with a limit of %d bytes, a body of 26 bytes is: %s", async (maxBytes, expected) => {
  const body = { string: '{"item": "a", "quantity":1}' };
  const request = new HttpRequest({ method: "PUT", url: "https://callee/api/x", body });
  const result = await readJsonBody(request, schema, maxBytes).then(
    () => "read",
    (error: unknown) => String((error as { problem: { status: number } }).problem.status),
  );
  expect(result).toBe(expected);
});
