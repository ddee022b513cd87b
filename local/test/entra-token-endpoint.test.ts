import { decodeJwt, decodeProtectedHeader } from "jose";
import { describe, expect, it } from "vitest";
import { apiOf, identityOf, requestToken, startTestEntra, tokenIn } from "./entra-fixture.ts";

const entra = await startTestEntra();
const unassigned = await startTestEntra({
  policy: { services: { api: { subnet: 0, roles: { Read: { id: "", description: "" } }, callers: {} } } },
});
const { authority, tenantId } = entra;
const app = identityOf(entra, "caller-app");
const secret = entra.clientSecrets["caller-app"] ?? "";
const api = apiOf(entra);
const someGuid = "00000000-0000-4000-8000-000000000000";

function basic(clientId: string, clientSecret: string): { headers: Record<string, string> } {
  const encoded = [clientId, clientSecret].map(encodeURIComponent).join(":");
  return { headers: { Authorization: `Basic ${Buffer.from(encoded).toString("base64")}` } };
}

describe("the token endpoint", () => {
  it("gives a client with the right secret a v2.0 token with the claims that Entra's carry", async () => {
    const before = Math.floor(Date.now() / 1000);
    const answer = await requestToken(entra);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ token_type: "Bearer", expires_in: 3599, ext_expires_in: 3599 });
    const claims = decodeJwt(tokenIn(answer));
    expect(claims).toMatchObject({
      aud: api.clientId,
      iss: `${authority}/${tenantId}/v2.0`,
      azp: app.clientId,
      azpacr: "1",
      idtyp: "app",
      oid: app.principalId,
      sub: app.principalId,
      tid: tenantId,
      roles: ["Records.Read", "Records.Write"],
      ver: "2.0",
    });
    expect(Object.keys(claims)).toEqual(expect.arrayContaining(["aio", "rh", "uti"]));
    expect(claims).not.toHaveProperty("scp");
    expect(claims).not.toHaveProperty("appid");
    expect(claims.nbf).toBe(claims.iat);
    expect(claims.iat).toBeLessThanOrEqual(before);
    expect(claims.exp).toBeGreaterThanOrEqual(before + 3600);
    expect(decodeProtectedHeader(tokenIn(answer))).toEqual({
      typ: "JWT",
      alg: "RS256",
      kid: expect.any(String) as string,
    });
  });

  it("takes the client id of an API for its identifier URI, and HTTP Basic for the form", async () => {
    const byId = await requestToken(entra, { scope: `${api.clientId}/.default` });
    expect(decodeJwt(tokenIn(byId)).aud).toBe(api.clientId);
    const byBasic = await requestToken(entra, { client_id: null, client_secret: null }, basic(app.clientId, secret));
    expect(decodeJwt(tokenIn(byBasic))["azp"]).toBe(app.clientId);
  });

  it.each(["https://storage.azure.com/.default", "https://storage.azure.com//.default"])(
    "gives a v1.0 token for %s",
    async (scope) => {
      const token = tokenIn(await requestToken(entra, { scope }));
      const claims = decodeJwt(token);
      const issuer = `https://sts.windows.net/${tenantId}/`;
      expect(claims).toMatchObject({
        ...{ aud: "https://storage.azure.com", iss: issuer, idp: issuer, ver: "1.0" },
        ...{ appid: app.clientId, appidacr: "1", oid: app.principalId, tid: tenantId },
      });
      expect(claims).not.toHaveProperty("azp");
      expect(claims).not.toHaveProperty("roles");
      const { kid, x5t } = decodeProtectedHeader(token);
      expect(x5t).toBe(kid);
    },
  );

  it.each([
    ["an unknown client", { client_id: someGuid }, 400, "unauthorized_client", 700016],
    [
      "a client of another tenant",
      { client_id: identityOf(entra, "other-tenant").clientId },
      ...([400, "unauthorized_client", 700016] as const),
    ],
    ["a wrong secret", { client_secret: "not-the-secret" }, 401, "invalid_client", 7000215],
    [
      "a managed identity with any secret",
      { client_id: identityOf(entra, "caller-func").clientId },
      ...([401, "invalid_client", 7000215] as const),
    ],
    ["no credential", { client_secret: null }, 401, "invalid_client", 7000216],
    ["an empty secret", { client_secret: "" }, 401, "invalid_client", 7000216],
    ["an assertion of no kind", { client_secret: null, client_assertion: "a.b.c" }, 400, "invalid_request", 900144],
    ["another grant", { grant_type: "password" }, 400, "unsupported_grant_type", 70003],
    ["no grant", { grant_type: null }, 400, "invalid_request", 900144],
    ["no client id", { client_id: null }, 400, "invalid_request", 900144],
    ["no scope", { scope: null }, 400, "invalid_request", 900144],
    ["a scope without /.default", { scope: `${api.identifierUri}/Records.Read` }, 400, "invalid_scope", 1002012],
    ["a bare /.default", { scope: "/.default" }, 400, "invalid_scope", 1002012],
    [
      "two scopes",
      { scope: `${api.identifierUri}/.default https://storage.azure.com/.default` },
      ...([400, "invalid_scope", 70011] as const),
    ],
    ["an unknown resource", { scope: "api://somewhere/.default" }, 400, "invalid_resource", 500011],
  ] as const)("refuses %s in Entra's form", async (_, changes, status, error, code) => {
    const answer = await requestToken(entra, changes);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({
      error,
      error_description: expect.stringMatching(
        new RegExp(`^AADSTS${code}: .+ Trace ID: .{36} Correlation ID: .{36} Timestamp: [0-9-]{10} [0-9:]{8}Z$`),
      ) as string,
      error_codes: [code],
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/) as string,
      trace_id: expect.any(String) as string,
      correlation_id: expect.any(String) as string,
      error_uri: `https://login.microsoftonline.com/error?code=${code}`,
    });
  });

  it("gives a client without a role no token at all (AADSTS501051)", async () => {
    const answer = await requestToken(unassigned);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ error: "invalid_grant", error_codes: [501051] });
    const { clientId } = identityOf(unassigned, "caller-app");
    expect(answer.body["error_description"]).toContain(
      `Application '${clientId}'(caller-app) is not assigned to a role for the application '${apiOf(unassigned).identifierUri}'(api).`,
    );
  });

  it("refuses a wrong secret in HTTP Basic, and Basic that is not well-formed", async () => {
    const without = { client_id: null, client_secret: null };
    const wrong = await requestToken(entra, without, basic(app.clientId, "wrong"));
    expect(wrong.body["error_codes"]).toEqual([7000215]);
    const malformed = { headers: { Authorization: `Basic ${Buffer.from("%:%").toString("base64")}` } };
    expect((await requestToken(entra, without, malformed)).body["error_codes"]).toEqual([900144]);
  });

  it("knows one tenant only, by its id in any case", async () => {
    for (const tenant of [someGuid, "common", identityOf(entra, "other-tenant").tenantId]) {
      const answer = await requestToken(entra, {}, { tenant });
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ error: "invalid_tenant", error_codes: [90002] });
    }
    expect((await requestToken(entra, {}, { tenant: tenantId.toUpperCase() })).status).toBe(200);
  });

  it("answers another method with 405, a body over 64 KiB with 413 and an unknown path with 404", async () => {
    const address = `${authority}/${tenantId}/oauth2/v2.0/token`;
    const wrongMethod = await fetch(address);
    expect(wrongMethod.status).toBe(405);
    expect(wrongMethod.headers.get("allow")).toBe("POST");
    const atLimit = await fetch(address, { method: "POST", body: "x".repeat(64 * 1024) });
    expect(atLimit.status).toBe(400);
    const tooLarge = await fetch(address, { method: "POST", body: "x".repeat(64 * 1024 + 1) });
    expect(tooLarge.status).toBe(413);
    for (const path of ["", "nothing", `${tenantId}/constructor`, `${tenantId}/oauth2/token`]) {
      expect((await fetch(`${authority}/${path}`)).status).toBe(404);
    }
  });

  it("logs who got a token for what, and neither token nor secret", async () => {
    const token = tokenIn(await requestToken(entra));
    await requestToken(entra, { client_secret: "wrong-secret" });
    expect(entra.logged.at(-1)).toBe("Token issued to caller-app for callee-func, roles: Records.Read, Records.Write");
    const all = entra.logged.join("\n");
    for (const hidden of [token, secret, "wrong-secret", entra.identityHeader]) expect(all).not.toContain(hidden);
  });
});
