import { request } from "node:http";
import { refusalProblem } from "@restricted-calls/shared/authorization";
import { attacks } from "@restricted-calls/shared/testing/attacks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forgeOf, mintToken, startTestSystem, type TestSystem } from "../../local/index.ts";

let system: TestSystem;
let origin: string;

beforeAll(async () => {
  system = await startTestSystem();
  origin = system.endpoints.callee.callerSubnet;
});
afterAll(() => system.stop());

const manager = { claims: { roles: ["Inventory.Manage"] } };
/** Nobody holds both by the access policy. */
const everyday = { claims: { roles: ["Inventory.Read", "Inventory.Reserve"] } };

interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly token?: string | object;
  readonly authorization?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** Calls the callee from the caller's subnet; a token that is no string is one to be minted. */
async function call({
  method = "GET",
  path = "inventory/widget",
  token = everyday,
  authorization,
  body,
  headers,
}: Call) {
  const bearer = typeof token === "string" ? token : await mintToken(system.endpoints.entra.control, token);
  const response = await fetch(`${origin}/api/${path}`, {
    method,
    headers: { Authorization: authorization ?? `Bearer ${bearer}`, ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text ? JSON.parse(text) : undefined) as Record<string, unknown> | undefined,
  };
}

describe("GET /api/inventory/{sku}", () => {
  test("answers the stock level", async () => {
    const { status, body } = await call({ path: "inventory/gadget" });
    expect({ status, body }).toEqual({ status: 200, body: { sku: "gadget", onHand: 25, reserved: 0, available: 25 } });
  });

  test("404 unknown-sku", async () => {
    const { status, body, headers } = await call({ path: "inventory/unknown" });
    expect(status).toBe(404);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toEqual({
      title: "Not Found",
      status: 404,
      code: "unknown-sku",
      detail: "There is no SKU 'unknown'.",
    });
  });

  test.each(["-x", ".x", "x%2Fy", "a b", "x".repeat(65)])("400 invalid-identifier: %j", async (sku) => {
    const { status, body } = await call({ path: `inventory/${sku}` });
    expect({ status, code: body?.["code"] }).toEqual({ status: 400, code: "invalid-identifier" });
  });
});

describe("PUT /api/inventory/{sku}", () => {
  test("sets the stock level, and not below what is reserved", async () => {
    const put = (onHand: unknown) =>
      call({ method: "PUT", path: "inventory/managed", token: manager, body: { onHand } });
    expect((await put(5)).body).toEqual({ sku: "managed", onHand: 5, reserved: 0, available: 5 });
    await call({ method: "PUT", path: "reservations/managed-1", body: { sku: "managed", quantity: 3 } });
    const { status, body } = await put(2);
    expect({ status, code: body?.["code"] }).toEqual({ status: 409, code: "below-reserved" });
  });

  test.each<[string, unknown]>([
    ["less than nothing", { onHand: -1 }],
    ["a fraction", { onHand: 1.5 }],
    ["text", { onHand: "1" }],
    ["more than is kept", { onHand: 1_000_000_001 }],
    ["nothing", {}],
    ["a member that is not known", { onHand: 1, reserved: 0 }],
    ["a list", []],
    ["null", "null"],
    ["no JSON", "{onHand: 1}"],
    ["an empty body", ""],
  ])("400 invalid-body: %s", async (_, body) => {
    const answer = await call({ method: "PUT", path: "inventory/widget", token: manager, body });
    expect({ status: answer.status, code: answer.body?.["code"] }).toEqual({ status: 400, code: "invalid-body" });
  });

  test("413 body-too-large, beyond 64 KiB", async () => {
    const padded = (size: number) => JSON.stringify({ onHand: 1 }).padEnd(size);
    const put = (body: string) => call({ method: "PUT", path: "inventory/padded", token: manager, body });
    expect((await put(padded(64 * 1024))).status).toBe(200);
    const { status, body } = await put(padded(64 * 1024 + 1));
    expect({ status, code: body?.["code"] }).toEqual({ status: 413, code: "body-too-large" });
  });
});

describe("PUT /api/reservations/{orderId}", () => {
  const put = (orderId: string, body: unknown) => call({ method: "PUT", path: `reservations/${orderId}`, body });

  test("201 new, 200 the same again, 409 another under the same order", async () => {
    const body = { sku: "widget", quantity: 2 };
    expect(await put("order-1", body)).toMatchObject({ status: 201, body: { orderId: "order-1", ...body } });
    expect(await put("order-1", body)).toMatchObject({ status: 200, body: { orderId: "order-1", ...body } });
    expect(await put("order-1", { ...body, quantity: 3 })).toMatchObject({
      status: 409,
      body: { code: "order-conflict" },
    });
  });

  test("201 for the same order id of another allowed app", async () => {
    const body = { sku: "widget", quantity: 1 };
    const token = { as: "reader-only", claims: { roles: ["Inventory.Reserve"] } };
    const others = { sku: "gadget", quantity: 2 };
    expect(await put("order-5", body)).toMatchObject({ status: 201 });
    const path = "reservations/order-5";
    expect(await call({ method: "PUT", path, body: others, token })).toMatchObject({ status: 201, body: others });
    expect(await put("order-5", body)).toMatchObject({ status: 200, body });
  });

  test("409 insufficient-stock, 404 unknown-sku", async () => {
    expect(await put("order-2", { sku: "gizmo", quantity: 1 })).toMatchObject({
      status: 409,
      body: { code: "insufficient-stock" },
    });
    expect(await put("order-2", { sku: "unknown", quantity: 1 })).toMatchObject({
      status: 404,
      body: { code: "unknown-sku" },
    });
  });

  test.each([{ sku: "widget", quantity: 0 }, { sku: "widget" }, { sku: "a/b", quantity: 1 }, { quantity: 1 }])(
    "400 invalid-body: %j",
    async (body) => {
      expect(await put("order-3", body)).toMatchObject({ status: 400, body: { code: "invalid-body" } });
    },
  );

  test("400 for a chunked body, which the host hands on empty, and says so", async () => {
    const token = await mintToken(system.endpoints.entra.control, {});
    const answer = await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const chunked = request(
        `${origin}/api/reservations/order-4`,
        { method: "PUT", headers: { Authorization: `Bearer ${token}`, "Transfer-Encoding": "chunked" } },
        (response) => {
          let text = "";
          response.on("data", (chunk: Buffer) => (text += chunk.toString()));
          response.on("end", () => {
            resolve({ status: response.statusCode, text });
          });
        },
      );
      chunked.on("error", reject);
      chunked.end(JSON.stringify({ sku: "widget", quantity: 1 }));
    });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("Content-Length");
  });
});

test("GET /api/health needs no token and tells nothing", async () => {
  const response = await fetch(`${origin}/api/health`);
  expect({ status: response.status, text: await response.text() }).toEqual({ status: 200, text: "" });
});

describe("every operation but health states its role", () => {
  const operations = [
    { method: "GET", path: "inventory/widget", role: "Inventory.Read" },
    { method: "PUT", path: "inventory/widget", role: "Inventory.Manage", body: { onHand: 1000 } },
    { method: "PUT", path: "reservations/by-role", role: "Inventory.Reserve", body: { sku: "widget", quantity: 1 } },
  ];
  const roles = ["Inventory.Read", "Inventory.Reserve", "Inventory.Manage"];

  test.each(operations)("$method $path lets in $role, and no other role", async ({ role, ...operation }) => {
    for (const held of roles) {
      const { status, body } = await call({ ...operation, token: { claims: { roles: [held] } } });
      if (held === role) expect([200, 201]).toContain(status);
      else expect({ status, code: body?.["code"] }).toEqual({ status: 403, code: "role-missing" });
    }
  });

  test.each(operations)("$method $path refuses without a token", async ({ method, path }) => {
    const response = await fetch(`${origin}/api/${path}`, { method });
    expect(response.status).toBe(401);
  });
});

describe("refusals, each with only one thing wrong", () => {
  const challenges: Record<number, RegExp> = {
    400: /^Bearer error="invalid_request", error_description="[^"]+"$/,
    401: /^Bearer error="invalid_token", error_description="[^"]+"$/,
    403: /^Bearer error="insufficient_scope", error_description="[^"]+"$/,
  };

  test.each(attacks)("$name: $code", async ({ credentials, code }) => {
    const { authorization, otherHeaders, query } = await credentials(
      forgeOf(system.endpoints, "callee-func", "caller-func"),
    );
    const response = await fetch(`${origin}/api/reservations/attacked?${new URLSearchParams(query).toString()}`, {
      method: "PUT",
      headers: { ...otherHeaders, ...(authorization !== null && { Authorization: authorization }) },
      body: JSON.stringify({ sku: "widget", quantity: 1 }),
    });
    const body = (await response.json()) as { code: string };
    expect({ status: response.status, code: body.code }).toEqual({ status: refusalProblem(code).status, code });
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.has("x-ms-forbidden-ip")).toBe(false);
    const challenge = code === "no-credentials" ? /^Bearer$/ : challenges[response.status];
    expect(response.headers.get("www-authenticate")).toMatch(challenge ?? /never/);
  });

  test.each<[string, object, string]>([
    ["another tenant's app", { as: "other-tenant" }, "wrong-issuer"],
    ["a caller that is not listed", { as: "unlisted" }, "caller-not-allowed"],
    ["a listed caller without any role", { as: "no-role" }, "role-missing"],
  ])("identities of the local tenant: %s", async (_, token, code) => {
    expect((await call({ token })).body).toMatchObject({ code });
  });

  test("401: a token in the query or in the body, and none in the header", async () => {
    const token = await mintToken(system.endpoints.entra.control, {});
    const inQuery = await fetch(`${origin}/api/reservations/x?access_token=${token}`, { method: "PUT" });
    const inBody = await fetch(`${origin}/api/reservations/x`, {
      method: "PUT",
      body: new URLSearchParams({ access_token: token }),
    });
    expect([inQuery.status, inBody.status]).toEqual([401, 401]);
  });

  test("400: two Authorization headers, although both are good", async () => {
    const token = await mintToken(system.endpoints.entra.control, everyday);
    const status = await new Promise((resolve, reject) => {
      request(
        `${origin}/api/inventory/widget`,
        { headers: { Authorization: [`Bearer ${token}`, `Bearer ${token}`] as unknown as string } },
        (response) => {
          response.resume();
          resolve([response.statusCode, response.headers["www-authenticate"]]);
        },
      )
        .on("error", reject)
        .end();
    });
    expect(status).toEqual([400, expect.stringMatching(/^Bearer error="invalid_request"/)]);
  });

  test("400: two tokens in one header", async () => {
    const { status, body } = await call({ authorization: "Bearer abc.def.ghi jkl.mno.pqr" });
    expect({ status, code: body?.["code"] }).toEqual({ status: 400, code: "malformed-credentials" });
  });

  test("the platform's identity headers are not believed, and cannot break anything", async () => {
    for (const principal of [Buffer.from('{"userId":"admin"}').toString("base64"), "not base64 json"]) {
      const response = await fetch(`${origin}/api/inventory/widget`, {
        headers: { "x-ms-client-principal": principal },
      });
      expect(response.status).toBe(401);
      const { status } = await call({ headers: { "x-ms-client-principal": principal } });
      expect(status).toBe(200);
    }
  });
});

test("v1.0 tokens are accepted too: another issuer, the App ID URI as audience, the caller in appid", async () => {
  const { entra, api, identities } = system.endpoints;
  const v1 = {
    ver: "1.0",
    iss: `https://sts.windows.net/${entra.tenantId}/`,
    aud: api.identifierUri,
    azp: null,
    appid: identities["caller-func"]?.clientId,
    ...everyday.claims,
  };
  expect((await call({ token: { claims: v1 } })).status).toBe(200);
  expect(
    (await call({ token: { claims: { ...v1, iss: `${entra.authority}/${entra.tenantId}/v2.0` } } })).body,
  ).toMatchObject({ code: "wrong-issuer" });
});

test("every decision is logged, with who and why, and never with the token", async () => {
  const token = await mintToken(system.endpoints.entra.control, { as: "unlisted" });
  await call({ token });
  const line = system.log.findLast((text) => text.includes('"caller-not-allowed"')) ?? "";
  expect(line).toContain(system.endpoints.identities["unlisted"]?.clientId);
  expect(line).toContain('"operation":"getStock"');
  expect(system.log.join("\n")).not.toContain(token.split(".")[2]);
});

describe("key rotation and outages", () => {
  const post = (path: string, body = {}) =>
    fetch(`${system.endpoints.entra.control}/${path}`, { method: "POST", body: JSON.stringify(body) });

  test("tokens signed with the key before a rotation stay good", async () => {
    const token = await mintToken(system.endpoints.entra.control, everyday);
    await post("keys/rotate");
    expect((await call({ token })).status).toBe(200);
  });

  test("503 keys-unavailable with Retry-After, while the keys cannot be had and none are known", async () => {
    await post("faults", { endpoint: "keys", mode: "down" });
    await system.stopApp("callee-func");
    await system.startApp("callee-func");
    const { status, body, headers } = await call({});
    expect({ status, code: body?.["code"] }).toEqual({ status: 503, code: "keys-unavailable" });
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    await post("faults", { endpoint: "keys", mode: "ok" });
  });
});
