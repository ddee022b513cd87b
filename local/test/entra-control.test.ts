import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from "jose";
import { createHmac, createPublicKey } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import {
  answered,
  apiOf,
  control,
  identityOf,
  mint,
  requestIdentityToken,
  requestToken,
  startTestEntra,
} from "./entra-fixture.ts";

const entra = await startTestEntra();
const { authority, tenantId } = entra;
const keysAddress = `${authority}/${tenantId}/discovery/v2.0/keys`;
const metadataAddress = `${authority}/${tenantId}/v2.0/.well-known/openid-configuration`;
const currentKey = async (): Promise<Record<string, string>> =>
  ((await answered(await fetch(keysAddress))).body["keys"] as Record<string, string>[]).at(-1) ?? {};

describe("tokens made on request", () => {
  it("are the caller's for the callee when nothing else is said", async () => {
    const token = await mint(entra);
    expect(decodeJwt(token)).toMatchObject({
      azp: identityOf(entra, "caller-func").clientId,
      aud: apiOf(entra).clientId,
      iss: `${authority}/${tenantId}/v2.0`,
      roles: ["Records.Read", "Records.Write"],
    });
    expect(decodeProtectedHeader(token).kid).toBe((await currentKey())["kid"]);
  });

  it("can be of any identity: without roles, and of another tenant", async () => {
    const noRole = decodeJwt(await mint(entra, { as: "no-role" }));
    expect(noRole["azp"]).toBe(identityOf(entra, "no-role").clientId);
    expect(noRole).not.toHaveProperty("roles");
    const other = identityOf(entra, "other-tenant");
    expect(decodeJwt(await mint(entra, { as: "other-tenant", api: "callee-func" }))).toMatchObject({
      azp: other.clientId,
      tid: other.tenantId,
      iss: `${authority}/${other.tenantId}/v2.0`,
    });
    expect(decodeJwt(await mint(entra, { as: "caller-app" }))["azpacr"]).toBe("1");
  });

  it("carry each header field and claim given, and none that is null", async () => {
    const token = await mint(entra, {
      header: { typ: "at+jwt", kid: null, crit: ["b64"] },
      claims: { exp: 1, aud: ["a", "b"], idtyp: null, roles: "Records.Read", scp: "user_impersonation" },
    });
    expect(decodeProtectedHeader(token)).toEqual({ typ: "at+jwt", alg: "RS256", crit: ["b64"] });
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ exp: 1, aud: ["a", "b"], roles: "Records.Read", scp: "user_impersonation" });
    expect(claims).not.toHaveProperty("idtyp");
    expect(claims.iss).toBe(`${authority}/${tenantId}/v2.0`);
  });

  it("are signed the same, whatever their header claims of alg and kid", async () => {
    const key = createPublicKey({ key: await currentKey(), format: "jwk" });
    const token = await mint(entra, { header: { kid: "forged" } });
    expect((await jwtVerify(token, key)).protectedHeader.kid).toBe("forged");
    const relabelled = await mint(entra, { header: { alg: "RS512" } });
    expect(decodeProtectedHeader(relabelled).alg).toBe("RS512");
    await expect(jwtVerify(relabelled, key)).rejects.toThrow(errors.JWSSignatureVerificationFailed);
  });

  it("can be signed with nothing, or with the public key as an HMAC secret", async () => {
    const none = await mint(entra, { sign: "none" });
    expect(none).toMatch(/^[^.]+\.[^.]+\.$/);
    expect(decodeProtectedHeader(none).alg).toBe("none");

    const jwk = await currentKey();
    const [header = "", claims = "", signature] = (await mint(entra, { sign: "hs256-public-key" })).split(".");
    const pem = createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "pem" });
    expect(createHmac("sha256", pem).update(`${header}.${claims}`).digest("base64url")).toBe(signature);
    expect(decodeProtectedHeader(`${header}.${claims}.`)).toMatchObject({ alg: "HS256", kid: jwk["kid"] });
  });

  it("can be signed with a key that stays the same but is never published", async () => {
    for (const sign of ["retired", "unknown"]) {
      const kid = decodeProtectedHeader(await mint(entra, { sign })).kid;
      expect(decodeProtectedHeader(await mint(entra, { sign })).kid).toBe(kid);
      expect(await (await fetch(keysAddress)).text()).not.toContain(kid);
    }
  });
});

describe("the control address", () => {
  it.each([
    ["tokens", { as: "nobody" }, "caller-func, callee-func, reader-only"],
    ["tokens", { api: "caller-func" }, "callee-func"],
    ["tokens", { sign: "rs256" }, "current, retired, unknown, none, hs256-public-key"],
    ["tokens", { signature: "none" }, "as, api, header, claims, texts, sign"],
    ["tokens", { claims: [] }, "object"],
    ["tokens", { header: "typ" }, "object"],
    ["tokens", [], "object"],
    ["faults", {}, "keys, metadata, token, managed-identity"],
    ["faults", { endpoint: "keys" }, "down, slow, error, garbage, ok"],
    ["faults", { endpoint: "key", mode: "down" }, "keys, metadata, token, managed-identity"],
  ])("says what is allowed when %s gets %j", async (path, body, detail) => {
    const answer = await control(entra, path, body);
    expect(answer.status).toBe(400);
    expect(answer.type).toBe("application/problem+json");
    expect(answer.body).toEqual({
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      detail: expect.stringContaining(detail) as string,
    });
  });

  it("refuses what is not JSON, what is too large, other methods and other paths", async () => {
    const post = (path: string, body: string): Promise<Response> =>
      fetch(`${entra.control}/${path}`, { method: "POST", body });
    expect((await post("tokens", "{")).status).toBe(400);
    expect((await post("tokens", `"${"x".repeat(64 * 1024)}"`)).status).toBe(413);
    expect((await post("requests", "")).status).toBe(405);
    expect((await post("nothing", "")).status).toBe(404);
    expect((await fetch(`${entra.control}/tokens`)).status).toBe(405);
  });

  it("counts the requests of each endpoint", async () => {
    const counts = async (): Promise<Record<string, number>> =>
      (await (await fetch(`${entra.control}/requests`)).json()) as Record<string, number>;
    const before = await counts();
    await Promise.all([1, 2, 3].map(() => fetch(keysAddress)));
    await Promise.all([1, 2].map(() => fetch(metadataAddress)));
    await requestToken(entra);
    await requestIdentityToken(entra);
    await mint(entra);
    const after = await counts();
    expect(
      Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)])),
    ).toEqual({ keys: 3, metadata: 2, token: 1, "managed-identity": 1 });
  });
});

describe("an endpoint with a fault", () => {
  const requests = {
    keys: () => fetch(keysAddress),
    metadata: () => fetch(metadataAddress),
    token: () => fetch(`${authority}/${tenantId}/oauth2/v2.0/token`, { method: "POST", body: "grant_type=x" }),
    "managed-identity": () => fetch(entra.managedIdentityEndpoint),
  };
  const healthy = { keys: 200, metadata: 200, token: 400, "managed-identity": 401 };
  const endpoints = Object.keys(requests) as (keyof typeof requests)[];
  const setFault = (endpoint: string, mode: string): Promise<unknown> => control(entra, "faults", { endpoint, mode });
  afterEach(async () => {
    await Promise.all(endpoints.map((endpoint) => setFault(endpoint, "ok")));
  });

  it.each(endpoints)("%s: is down, or garbage, and alone in it; and well again", async (endpoint) => {
    await setFault(endpoint, "down");
    await expect(requests[endpoint]()).rejects.toThrow();
    for (const other of endpoints.filter((each) => each !== endpoint)) {
      expect((await requests[other]()).status).toBe(healthy[other]);
    }
    await setFault(endpoint, "garbage");
    const garbage = await requests[endpoint]();
    expect(garbage.status).toBe(200);
    await expect(garbage.json()).rejects.toThrow(SyntaxError);
    await setFault(endpoint, "ok");
    expect((await requests[endpoint]()).status).toBe(healthy[endpoint]);
  });

  it("fails in Entra's form, or in App Service's", async () => {
    for (const endpoint of ["keys", "metadata", "token"] as const) {
      await setFault(endpoint, "error");
      const { status, body } = await answered(await requests[endpoint]());
      expect(status).toBe(503);
      expect(body).toMatchObject({ error: "temporarily_unavailable", error_codes: [90033] });
    }
    await setFault("managed-identity", "error");
    expect((await answered(await requests["managed-identity"]())).body).toMatchObject({
      statusCode: 500,
      message: "An unexpected error occured while fetching the AAD Token.",
    });
  });

  it("is slow: the answer is not there until the wait is over", async () => {
    await setFault("keys", "slow");
    const signal = AbortSignal.timeout(200);
    await expect(fetch(keysAddress, { signal })).rejects.toThrow("timeout");
    // Without the fault, the next request is fast again.
    await setFault("keys", "ok");
    expect((await fetch(keysAddress)).status).toBe(200);
  });
});

describe("a rotation", () => {
  it("answers the key id that signs from then on", async () => {
    const { body } = await control(entra, "keys/rotate");
    expect(decodeProtectedHeader(await mint(entra)).kid).toBe(body["kid"]);
  });
});
