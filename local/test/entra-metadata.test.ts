import { createRemoteJWKSet, jwtVerify, type JWTVerifyResult } from "jose";
import { X509Certificate, createHash, createPublicKey } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { answered, apiOf, control, mint, requestToken, startTestEntra, tokenIn } from "./entra-fixture.ts";

interface Jwk {
  readonly kid: string;
  readonly x5t: string;
  readonly x5c: readonly [string];
  readonly n: string;
  readonly e: string;
}

const entra = await startTestEntra();
const { authority, tenantId } = entra;
const tenant = `${authority}/${tenantId}`;
const get = async (address: string): ReturnType<typeof answered> => answered(await fetch(address));
const keysAt = async (address: string): Promise<Jwk[]> => (await get(address)).body["keys"] as Jwk[];

describe("the metadata", () => {
  it("of v2.0 names the tenant's issuer, keys and token endpoint", async () => {
    const { status, body } = await get(`${tenant}/v2.0/.well-known/openid-configuration`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      issuer: `${tenant}/v2.0`,
      jwks_uri: `${tenant}/discovery/v2.0/keys`,
      token_endpoint: `${tenant}/oauth2/v2.0/token`,
      id_token_signing_alg_values_supported: ["RS256"],
      subject_types_supported: ["pairwise"],
      tenant_region_scope: "WW",
    });
    expect(body["token_endpoint_auth_methods_supported"]).toContain("private_key_jwt");
  });

  it("of v1.0 names the other issuer", async () => {
    const { body } = await get(`${tenant}/.well-known/openid-configuration`);
    expect(body).toMatchObject({
      issuer: `https://sts.windows.net/${tenantId}/`,
      jwks_uri: `${tenant}/discovery/keys`,
    });
  });

  it.each([
    "v2.0/.well-known/openid-configuration",
    ".well-known/openid-configuration",
    "discovery/v2.0/keys",
    "discovery/keys",
  ])("refuses another tenant at %s (AADSTS90002)", async (path) => {
    const { status, body } = await get(`${authority}/00000000-0000-4000-8000-000000000000/${path}`);
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: "invalid_tenant", error_codes: [90002] });
  });

  it("answers instance discovery for its own host", async () => {
    const { host } = new URL(authority);
    expect((await get(`${authority}/common/discovery/instance`)).body).toMatchObject({
      tenant_discovery_endpoint: `${tenant}/v2.0/.well-known/openid-configuration`,
      metadata: [{ preferred_network: host, aliases: [host] }],
    });
  });
});

describe("the key set", () => {
  it("has Entra's shape, each key with a certificate of it", async () => {
    const keys = await keysAt(`${tenant}/discovery/v2.0/keys`);
    expect(keys.length).toBeGreaterThan(1);
    for (const jwk of keys) {
      expect(Object.keys(jwk).sort()).toEqual([
        "cloud_instance_name",
        "e",
        "issuer",
        "kid",
        "kty",
        "n",
        "use",
        "x5c",
        "x5t",
      ]);
      const { hostname } = new URL(authority);
      expect(jwk).toMatchObject({ kty: "RSA", use: "sig", issuer: `${tenant}/v2.0`, cloud_instance_name: hostname });
      const certificate = new X509Certificate(Buffer.from(jwk.x5c[0], "base64"));
      const publicKey = createPublicKey({ key: { kty: "RSA", n: jwk.n, e: jwk.e }, format: "jwk" });
      expect(publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
      expect(certificate.publicKey.equals(publicKey)).toBe(true);
      expect(certificate.verify(publicKey)).toBe(true);
      const thumbprint = createHash("sha1").update(certificate.raw).digest("base64url");
      expect([jwk.kid, jwk.x5t]).toEqual([thumbprint, thumbprint]);
    }
  });

  it("of v1.0 is the same without issuers and clouds", async () => {
    const [v1, v2] = await Promise.all([keysAt(`${tenant}/discovery/keys`), keysAt(`${tenant}/discovery/v2.0/keys`)]);
    expect(v1).toEqual(v2.map((jwk) => ({ ...jwk, issuer: undefined, cloud_instance_name: undefined })));
    expect(v1[0]).not.toHaveProperty("issuer");
  });
});

describe("a token", () => {
  let verify: (token: string) => Promise<JWTVerifyResult>;
  beforeEach(() => {
    const keys = createRemoteJWKSet(new URL(`${tenant}/discovery/v2.0/keys`), { cooldownDuration: 0 });
    verify = (token) =>
      jwtVerify(token, keys, { issuer: `${tenant}/v2.0`, audience: apiOf(entra).clientId, algorithms: ["RS256"] });
  });

  it("of v2.0 verifies against the published keys", async () => {
    const { payload } = await verify(tokenIn(await requestToken(entra)));
    expect(payload["ver"]).toBe("2.0");
  });

  it("of v1.0 verifies against the keys that the v1.0 metadata names", async () => {
    const { body } = await get(`${tenant}/.well-known/openid-configuration`);
    const keys = createRemoteJWKSet(new URL(body["jwks_uri"] as string));
    const token = tokenIn(await requestToken(entra, { scope: "https://storage.azure.com/.default" }));
    const { payload } = await jwtVerify(token, keys, {
      issuer: body["issuer"] as string,
      audience: "https://storage.azure.com",
    });
    expect(payload["ver"]).toBe("1.0");
  });

  it("is signed with a new key after rotation, while older tokens still verify", async () => {
    const older = tokenIn(await requestToken(entra));
    const before = await keysAt(`${tenant}/discovery/v2.0/keys`);
    const { kid } = (await control(entra, "keys/rotate")).body;
    const newer = tokenIn(await requestToken(entra));
    expect((await verify(newer)).protectedHeader.kid).toBe(kid);
    expect((await verify(older)).protectedHeader.kid).not.toBe(kid);
    const after = await keysAt(`${tenant}/discovery/v2.0/keys`);
    expect(after.map((key) => key.kid)).toEqual([...before.map((key) => key.kid), kid]);
  });

  it.each([
    ["retired", "ERR_JWKS_NO_MATCHING_KEY"],
    ["unknown", "ERR_JWKS_NO_MATCHING_KEY"],
    ["none", "ERR_JOSE_ALG_NOT_ALLOWED"],
    ["hs256-public-key", "ERR_JOSE_ALG_NOT_ALLOWED"],
  ])("does not verify when its signature is %s", async (sign, code) => {
    await expect(verify(await mint(entra, { sign }))).rejects.toMatchObject({ code });
    await expect(verify(await mint(entra, { sign: "current" }))).resolves.toBeDefined();
  });
});
