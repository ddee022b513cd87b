import { decodeJwt } from "jose";
import { Hono } from "hono";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Environment } from "../entra/http.ts";
import { managedIdentityEndpoint } from "../entra/managed-identity-endpoint.ts";
import { SigningKeys } from "../entra/signing-keys.ts";
import { apiOf, control, identityOf, requestIdentityToken, startTestEntra, tokenIn } from "./entra-fixture.ts";

const entra = await startTestEntra();
const caller = identityOf(entra, "caller-func");
const api = apiOf(entra);
const hours = 60 * 60 * 1000;

describe("the managed identity endpoint", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("answers as App Service documents it, with a v2.0 token of a day for an API", async () => {
    const { status, body } = await requestIdentityToken(entra);
    expect(status).toBe(200);
    const claims = decodeJwt(tokenIn({ status, type: "", body }));
    expect(body).toEqual({
      access_token: expect.any(String) as string,
      expires_on: String(claims.exp),
      resource: api.identifierUri,
      token_type: "Bearer",
      client_id: caller.clientId,
    });
    expect(claims).toMatchObject({
      ...{ aud: api.clientId, azp: caller.clientId, azpacr: "2", idtyp: "app", oid: caller.principalId, ver: "2.0" },
      ...{ roles: ["Records.Read", "Records.Write"] },
    });
    const left = (claims.exp ?? 0) - Date.now() / 1000;
    expect(left).toBeGreaterThan(23 * 3600);
    expect(left).toBeLessThanOrEqual(24 * 3600);
  });

  it.each(["https://storage.azure.com", "https://storage.azure.com/"])(
    "gives a v1.0 token for %s",
    async (resource) => {
      const answer = await requestIdentityToken(entra, { resource });
      expect(answer.body["resource"]).toBe(resource);
      expect(decodeJwt(tokenIn(answer))).toMatchObject({
        ...{ aud: "https://storage.azure.com", iss: `https://sts.windows.net/${entra.tenantId}/` },
        ...{ appid: caller.clientId, appidacr: "2", ver: "1.0" },
      });
    },
  );

  it.each([
    ["client_id", caller.clientId],
    ["principal_id", caller.principalId],
    ["object_id", caller.principalId],
    ["mi_res_id", caller.resourceId ?? ""],
  ])("finds the identity by %s", async (parameter, value) => {
    const answer = await requestIdentityToken(entra, { client_id: null, [parameter]: value });
    expect(answer.body["client_id"]).toBe(caller.clientId);
  });

  it.each([
    ["no header", {}, {}, 401, "missing"],
    ["a wrong header", {}, { "X-IDENTITY-HEADER": "wrong" }, 401, "not the value of IDENTITY_HEADER"],
    ["no api-version", { "api-version": null }, undefined, 400, "2019-08-01"],
    ["another api-version", { "api-version": "2017-09-01" }, undefined, 400, "2019-08-01"],
    ["no resource", { resource: null }, undefined, 400, "resource"],
    ["no identity: there is no system-assigned one", { client_id: null }, undefined, 400, "Unable to load"],
    ["two identities", { principal_id: caller.principalId }, undefined, 400, "Only one of"],
    ["an unknown identity", { client_id: api.clientId }, undefined, 400, "No User Assigned"],
    [
      "an app registration",
      { client_id: identityOf(entra, "caller-app").clientId },
      undefined,
      400,
      "No User Assigned",
    ],
    [
      "an identity of another tenant",
      { client_id: identityOf(entra, "other-tenant").clientId },
      ...([undefined, 400, "No User Assigned"] as const),
    ],
    [
      "an identity without a role",
      { client_id: identityOf(entra, "no-role").clientId },
      ...([undefined, 500, `fetching the AAD Token. AADSTS501051: Application '`] as const),
    ],
    ["an unknown resource", { resource: "api://nobody" }, undefined, 500, "fetching the AAD Token. AADSTS500011: "],
  ] as const)("refuses %s in App Service's form", async (_, changes, headers, status, message) => {
    const answer = await requestIdentityToken(entra, changes, headers);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({
      statusCode: status,
      message: expect.stringContaining(message) as string,
      correlationId: expect.stringMatching(/^.{36}$/) as string,
    });
  });

  it("gives an identity without a role its storage token: assignment is the API's condition", async () => {
    const client_id = identityOf(entra, "no-role").clientId;
    expect((await requestIdentityToken(entra, { client_id, resource: "https://storage.azure.com" })).status).toBe(200);
  });

  it("gives the same token until it nearly ends, whatever key signs by then", async () => {
    const first = tokenIn(await requestIdentityToken(entra));
    await control(entra, "keys/rotate");
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 23 * hours);
    expect(tokenIn(await requestIdentityToken(entra))).toBe(first);
    vi.setSystemTime(Date.now() + 1 * hours - 60_000);
    const next = tokenIn(await requestIdentityToken(entra));
    expect(next).not.toBe(first);
    expect(tokenIn(await requestIdentityToken(entra))).toBe(next);
  });

  it("gives one token to all who ask at the same moment", async () => {
    const { authority, directory } = entra;
    const tenant = { authority, directory, keys: await SigningKeys.create(), log: () => undefined };
    const endpoint = managedIdentityEndpoint(tenant, "header");
    const query = new URLSearchParams({
      ...{ "api-version": "2019-08-01", resource: api.identifierUri, client_id: caller.clientId },
    });
    const app = new Hono<Environment>().get("/msi/token", endpoint);
    const request = async (): Promise<string> =>
      (await app.request(`/msi/token?${query.toString()}`, { headers: { "X-IDENTITY-HEADER": "header" } })).text();
    const bodies = await Promise.all(Array.from({ length: 20 }, request));
    expect(new Set(bodies).size).toBe(1);
    expect(bodies[0]).toContain("access_token");
  });

  it("gives another token for another resource, and for another identity", async () => {
    const resource = api.clientId;
    const client_id = identityOf(entra, "reader-only").clientId;
    const answers = [
      await requestIdentityToken(entra),
      await requestIdentityToken(entra, { resource }),
      await requestIdentityToken(entra, { resource, client_id }),
    ];
    expect(new Set(answers.map(tokenIn)).size).toBe(3);
  });
});
