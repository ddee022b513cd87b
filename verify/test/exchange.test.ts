/** What a record of a call contains. */
import "../../tools/testing/example-system.ts";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { exchange, RECORDED_BODY_LENGTH } from "../model/exchange.ts";
import { operations } from "../model/operations.ts";
import { accessPolicy as policy } from "../../tools/access-policy.ts";

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const signature = "c2lnbmF0dXJlLXRoYXQtbXVzdC1ub3QtYmUtc2Vlbg";
const token = `${part({ alg: "RS256" })}.${part({ sub: "caller" })}.${signature}`;

let server: Server;
let address: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === "/away") response.writeHead(302, { location: "/?code=location-key" }).end();
    else if (request.url === "/long") response.end("x".repeat(RECORDED_BODY_LENGTH * 2));
    else {
      response.setHeader("set-cookie", "session=cookie-secret");
      response.setHeader("x-echo", request.headers.authorization ?? "");
      response.end(JSON.stringify({ access_token: "issued-secret", echo: request.headers["x-functions-key"] }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

it("records the claims of a token, and no token, key, cookie or secret", async () => {
  const { recorded, body } = await exchange(`${address}/?code=url-key&access_token=url-token`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "X-Functions-Key": "function-key-0123456789",
      "X-IDENTITY-HEADER": "identity-secret",
      cookie: "a=cookie-sent",
    },
    body: "grant_type=client_credentials&client_secret=form-secret",
  });
  expect(body).toContain("issued-secret");
  expect(recorded.request.token).toEqual({ header: { alg: "RS256" }, claims: { sub: "caller" } });
  expect(recorded.request.headers["authorization"]).toBe("Bearer <redacted>");
  const text = JSON.stringify(recorded);
  for (const secret of [
    token,
    signature,
    "url-key",
    "url-token",
    "function-key",
    "identity-secret",
    "cookie-se",
    "-secret",
  ])
    expect(text).not.toContain(secret);
});

it.each(["Bearer", "secret-without-a-scheme", "Bearer garbage", "Basic YWxhZGRpbg"])(
  "shows no more than the scheme of: %s",
  async (authorization) => {
    const { recorded } = await exchange(address, { method: "GET", headers: { authorization } });
    expect(recorded.request.headers["authorization"]).toMatch(/^(Bearer|((Bearer|Basic) )?<redacted>)$/);
    expect(recorded.request.token).toBeNull();
  },
);

it("follows no redirect, and cuts a long body", async () => {
  const away = await exchange(`${address}/away`, { method: "GET" });
  expect(away.status).toBe(302);
  expect(JSON.stringify(away.recorded)).not.toContain("location-key");
  const long = await exchange(`${address}/long`, { method: "GET" });
  expect(long.recorded.response?.body.length).toBeLessThan(RECORDED_BODY_LENGTH + 100);
});

it("every role of an operation is one of the policy", () => {
  const roles = Object.keys(policy.services["callee-func"].roles);
  for (const { role } of operations) if (role !== null) expect(roles).toContain(role);
});
