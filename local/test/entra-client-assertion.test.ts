import { createHash, createPrivateKey, randomUUID, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt, SignJWT } from "jose";
import { afterAll, describe, expect, it } from "vitest";
import { ensureClientCertificate } from "../certificates/certificates.ts";
import {
  type Answered,
  identityOf,
  mint,
  requestIdentityToken,
  requestToken,
  startTestEntra,
  tokenIn,
} from "./entra-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "entra-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const registered = await ensureClientCertificate(folder, "caller-app");
const other = await ensureClientCertificate(folder, "other");
const entra = await startTestEntra({ clientCertificates: { "caller-app": registered.certificate } });
const app = identityOf(entra, "caller-app");
const tokenEndpoint = `${entra.authority}/${entra.tenantId}/oauth2/v2.0/token`;

const withAssertion = (assertion: string, type = "jwt-bearer"): Promise<Answered> =>
  requestToken(entra, {
    client_secret: null,
    client_assertion: assertion,
    client_assertion_type: `urn:ietf:params:oauth:client-assertion-type:${type}`,
  });

/** A good assertion by certificate, with changes; null removes. */
async function assertion({
  by = registered,
  algorithm = "PS256",
  header = {},
  claims = {},
}: {
  by?: typeof registered;
  algorithm?: string;
  header?: object;
  claims?: Readonly<Record<string, unknown>>;
} = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const thumbprint = createHash("sha256").update(new X509Certificate(by.certificate).raw).digest("base64url");
  const all: Record<string, unknown> = {
    iss: app.clientId,
    sub: app.clientId,
    aud: tokenEndpoint,
    jti: randomUUID(),
    nbf: now,
    exp: now + 600,
  };
  return new SignJWT(Object.fromEntries(Object.entries({ ...all, ...claims }).filter(([, value]) => value !== null)))
    .setProtectedHeader({ alg: algorithm, typ: "JWT", "x5t#S256": thumbprint, ...header })
    .sign(createPrivateKey(await readFile(by.file, "utf8")));
}

describe("the client certificate", () => {
  // Windows has no such mode.
  it.skipIf(process.platform === "win32")("is in a file for this user only", () => {
    expect(statSync(registered.file).mode & 0o777).toBe(0o600);
  });

  it("is kept from one start to the next", async () => {
    expect(await ensureClientCertificate(folder, "caller-app")).toEqual(registered);
    expect(registered.certificate).not.toContain("PRIVATE");
  });

  it("gives a token that says so", async () => {
    const answer = await withAssertion(await assertion());
    expect(decodeJwt(tokenIn(answer))).toMatchObject({ azp: app.clientId, azpacr: "2" });
  });

  it.each<[string, Parameters<typeof assertion>[0], number]>([
    ["another certificate", { by: other }, 700027],
    ["another key under the registered thumbprint", { by: other, header: { "x5t#S256": thumbprintOf() } }, 700027],
    ["RS256", { algorithm: "RS256" }, 700027],
    ["another issuer", { claims: { iss: "someone" } }, 700021],
    ["another subject", { claims: { sub: "someone" } }, 700021],
    ["another audience", { claims: { aud: "https://login.example" } }, 700023],
    ["no audience", { claims: { aud: null } }, 700023],
    ["an end in the past", { claims: { exp: Math.floor(Date.now() / 1000) - 301 } }, 700024],
    ["no end", { claims: { exp: null } }, 700024],
    ["a beginning in the future", { claims: { nbf: Math.floor(Date.now() / 1000) + 400 } }, 700024],
    ["no jti", { claims: { jti: null } }, 50027],
  ])("an assertion is refused for %s", async (_, changes, code) => {
    const answer = await withAssertion(await assertion(changes));
    expect(answer).toMatchObject({ status: 401, body: { error: "invalid_client", error_codes: [code] } });
  });

  it("an assertion is good once", async () => {
    const once = await assertion();
    expect((await withAssertion(once)).status).toBe(200);
    expect(await withAssertion(once)).toMatchObject({ status: 401, body: { error_codes: [50027] } });
  });

  it("what is no JWT, or no JWT by its type, is refused", async () => {
    expect(await withAssertion("no-jwt")).toMatchObject({ status: 401, body: { error_codes: [50027] } });
    expect(await withAssertion(await assertion(), "saml2-bearer")).toMatchObject({ body: { error_codes: [900144] } });
  });
});

describe("the federated credential", () => {
  const exchange = "api://AzureADTokenExchange";

  it("gives the app registration's token for a token of the managed identity", async () => {
    const identityToken = tokenIn(await requestIdentityToken(entra, { resource: exchange }));
    expect(decodeJwt(identityToken)).toMatchObject({
      iss: `${entra.authority}/${entra.tenantId}/v2.0`,
      sub: identityOf(entra, "caller-func").principalId,
      aud: "fb60f99c-7a34-4190-8149-302f77469936",
    });
    expect(decodeJwt(tokenIn(await withAssertion(identityToken)))).toMatchObject({ azp: app.clientId, azpacr: "2" });
  });

  const asExchange = { aud: exchange };
  it.each<[string, object, number]>([
    ["another managed identity", { as: "reader-only", claims: asExchange }, 700213],
    ["another tenant", { as: "other-tenant", claims: asExchange }, 700211],
    ["another audience", { claims: {} }, 700212],
    ["an end in the past", { claims: { ...asExchange, exp: 1 } }, 700024],
    ["a withdrawn key", { claims: asExchange, sign: "retired" }, 50027],
    ["no signature", { claims: asExchange, sign: "none" }, 50027],
    ["an HMAC with the public key", { claims: asExchange, sign: "hs256-public-key" }, 50027],
  ])("is refused for %s", async (_, request, code) => {
    const answer = await withAssertion(await mint(entra, request));
    expect(answer).toMatchObject({ status: 401, body: { error_codes: [code] } });
  });
});

it("logs neither assertion nor key", async () => {
  await withAssertion(await assertion());
  expect(entra.logged.join("\n")).not.toMatch(/eyJ|PRIVATE/);
});

function thumbprintOf(): string {
  return createHash("sha256").update(new X509Certificate(registered.certificate).raw).digest("base64url");
}
