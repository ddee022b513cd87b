import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestSystem, type TestSystem } from "../../local/index.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

async function call(method: string, path: string, body?: object) {
  const response = await fetch(`${system.endpoints.apps["caller-func"] ?? ""}/api/readings${path}`, {
    method,
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
}

const send = (id: string, meter: string, value: number) => call("PUT", `/${id}`, { meter, value });

test("a reading is delivered once", async () => {
  const done = { status: 201, body: { id: "r-1", meter: "house", value: 7, state: "done", attempts: 1 } };
  expect(await send("r-1", "house", 7)).toMatchObject(done);
  expect(await send("r-1", "house", 7)).toMatchObject(done);
  expect(await send("r-1", "house", 8)).toMatchObject({ status: 409, body: { code: "reading-conflict" } });
  expect(await call("GET", "/r-1")).toMatchObject({ ...done, status: 200 });
  expect(await call("POST", "/r-1/retry")).toMatchObject({ status: 404, body: { code: "not-stuck" } });
});

test("a reading of an unknown meter is refused, and can be retried", async () => {
  const refused = { status: 409, body: { state: "refused", reason: "unknown-meter" } };
  expect(await send("r-2", "garden", 7)).toMatchObject(refused);
  expect(await call("POST", "/r-2/retry")).toMatchObject({ status: 202, body: { state: "pending" } });
});

test("sent readings are listed", async () => {
  const { status, body } = await call("GET", "");
  expect(status).toBe(200);
  expect(body["readings"]).toContainEqual(expect.objectContaining({ id: "r-1", state: "done" }));
});
