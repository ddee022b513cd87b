import { afterAll, beforeAll, expect, test } from "vitest";
import { mintToken, startTestSystem, type TestSystem } from "../../local/index.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

async function call(method: string, path: string, roles: readonly string[], value?: number) {
  const token = await mintToken(system.endpoints.entra.control, { claims: { roles } });
  const response = await fetch(`${system.endpoints.callee.callerSubnet}/api/meters/${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}` },
    ...(value !== undefined && { body: JSON.stringify({ value }) }),
  });
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
}

const record = (path: string, value: number) => call("PUT", path, ["Readings.Write"], value);
const read = (path: string) => call("GET", path, ["Readings.Read"]);

test("a reading is recorded once", async () => {
  const recorded = { status: 200, body: { meter: "house", id: "r-1", value: 7 } };
  expect(await record("house/readings/r-1", 7)).toEqual(recorded);
  expect(await record("house/readings/r-1", 7)).toEqual(recorded);
  expect(await read("house/readings/r-1")).toEqual(recorded);
  expect(await record("house/readings/r-1", 8)).toMatchObject({ status: 409, body: { code: "reading-conflict" } });
});

test("what is not there is not found", async () => {
  expect(await record("garden/readings/r-1", 7)).toMatchObject({ status: 404, body: { code: "unknown-meter" } });
  expect(await read("house/readings/none")).toMatchObject({ status: 404, body: { code: "unknown-reading" } });
});

test("each operation requires its role", async () => {
  const refused = { status: 403, body: { code: "role-missing" } };
  expect(await call("GET", "house/readings/r-1", ["Readings.Write"])).toMatchObject(refused);
  expect(await call("PUT", "house/readings/r-1", ["Readings.Read"], 7)).toMatchObject(refused);
});
