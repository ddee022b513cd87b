// The attack catalogue.
import type { RefusalCode } from "../authorization/index.ts";

/** Makes tokens for an attacker who can do more than any attacker can: have anything signed. */
export interface Forge {
  /** The id of the API, of its tenant, and of the caller that may call. */
  readonly apiClientId: string;
  readonly tenantId: string;
  readonly callerId: string;
  /** A good token with some header parameters and claims replaced; null takes one away. */
  token(changes?: { header?: object; claims?: object; sign?: Signature }): Promise<string>;
  /** A token of texts that are signed as they stand, whatever they say; those not given are a good token's. */
  text(texts: { header?: string; payload?: string }): Promise<string>;
}

export type Signature = "current" | "retired" | "unknown" | "none" | "hs256-public-key";

/** One thing that an attacker may try; everything else about the call is right. */
export interface Attack {
  readonly name: string;
  readonly code: RefusalCode;
  readonly credentials: (forge: Forge) => Promise<AttackCredentials>;
}

export interface AttackCredentials {
  /** The `Authorization` header, null for none. */
  readonly authorization: string | null;
  readonly otherHeaders?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
}

const NOW = (): number => Math.floor(Date.now() / 1000);
const STRANGER = "6f0c8f2e-9999-4000-8000-000000000009";

/** The attack catalogue: tests, the proof and the docs share it. */
export const attacks: readonly Attack[] = [
  ...group("no-credentials", {
    "no Authorization header": () => null,
    "another scheme": () => "Basic YWxhZGRpbjpvcGVuc2VzYW1l",
    "a good token, in the query": async (forge) => ({
      authorization: null,
      query: { access_token: await forge.token() },
    }),
    "a good token, in a header of App Service Authentication": async (forge) => ({
      authorization: null,
      otherHeaders: { "X-MS-TOKEN-AAD-ACCESS-TOKEN": await forge.token() },
    }),
    "a forged principal of App Service Authentication": (forge) => ({
      authorization: null,
      otherHeaders: principal(forge),
    }),
  }),
  ...group("malformed-credentials", {
    "no token": () => "Bearer",
    "two tokens": async (forge) => `Bearer ${await forge.token()} ${await forge.token()}`,
    "two credentials, as two headers arrive": async (forge) =>
      `Bearer ${await forge.token()}, Bearer ${await forge.token()}`,
    "a second token in the query": async (forge) => ({
      authorization: bearer(await forge.token()),
      query: { access_token: await forge.token() },
    }),
    "quotes around the token": async (forge) => `Bearer "${await forge.token()}"`,
    "padding within the token": async (forge) => bearer((await forge.token()).replace(".", "=.")),
  }),
  ...group("malformed-token", {
    garbage: () => "Bearer garbage",
    "two parts": withParts(([header, payload]) => [header, payload]),
    "four parts": withParts((parts) => [...parts, "AAAA"]),
    "five parts, as an encrypted token has": withParts((parts) => [...parts, "AAAA", "AAAA"]),
    "an empty header": withParts(([, payload, signature]) => ["", payload, signature]),
    "an empty payload": withParts(([header, , signature]) => [header, "", signature]),
    "a dot at the end": withParts((parts) => [...parts, ""]),
    "padding at the end": withParts(([header, payload, signature]) => [header, payload, `${signature}==`]),
    "base64 in place of base64url": withParts(([header, payload, signature]) => [
      header,
      payload,
      `+/${signature.slice(2)}`,
    ]),
    "stray bits in the signature's last character": withParts(([header, payload, signature]) => [
      header,
      payload,
      strayBits(signature),
    ]),
    "a header that is no JSON": (forge) => forge.text({ header: "{alg: RS256}" }).then(bearer),
    "a header that is a list": (forge) => forge.text({ header: "[]" }).then(bearer),
    "a payload that is no JSON": (forge) => forge.text({ payload: "claims" }).then(bearer),
    "a payload that is a list": (forge) => forge.text({ payload: "[]" }).then(bearer),
    "a payload that is null": (forge) => forge.text({ payload: "null" }).then(bearer),
    "a payload after a byte order mark": raw((_, payload) => ({ payload: `\ufeff${payload}` })),
    "two audiences, the good one last": raw((_, payload) => ({
      payload: payload.replace("{", '{"aud":"other",'),
    })),
    "two audiences, one name escaped": raw((_, payload) => ({
      payload: payload.replace("{", '{"\\u0061ud":"other",'),
    })),
    "a duplicate member deep inside": raw((_, payload) => ({
      payload: payload.replace("{", '{"x":{"y":1,"y":2},'),
    })),
    "two algorithms in the header, the good one last": raw((header) => ({
      header: header.replace("{", '{"alg":"none",'),
    })),
    "two audiences, an escaped colon in place of the second one's": raw((_, payload) => ({
      payload: payload.replace("{", '{"aud":"other","x":"\\u003a",'),
    })),
    "a second tenant, its name in capitals": claims({ TID: STRANGER }),
    "a second key id, its name in capitals": (forge) => forge.token({ header: { KID: "another" } }).then(bearer),
    "claims nested too deep": raw((_, payload) => ({
      payload: payload.replace("{", `{"x":${"[".repeat(20)}${"]".repeat(20)},`),
    })),
    "another token type": (forge) => forge.token({ header: { typ: "at+jwt" } }).then(bearer),
    "no token type": (forge) => forge.token({ header: { typ: null } }).then(bearer),
    "no key id": (forge) => forge.token({ header: { kid: null } }).then(bearer),
    "an empty key id": (forge) => forge.token({ header: { kid: "" } }).then(bearer),
    "a key id that is a number": (forge) => forge.token({ header: { kid: 1 } }).then(bearer),
    "a critical extension": (forge) => forge.token({ header: { crit: ["exp"], exp: 1 } }).then(bearer),
    "an address to fetch keys from": (forge) =>
      forge.token({ header: { jku: "https://attacker.example/keys" } }).then(bearer),
    "a key of its own": (forge) => forge.token({ header: { jwk: { kty: "RSA", n: "AQAB", e: "AQAB" } } }).then(bearer),
    "an address to fetch a certificate from": (forge) =>
      forge.token({ header: { x5u: "https://attacker.example/cert" } }).then(bearer),
    "a certificate of its own": (forge) => forge.token({ header: { x5c: ["MIIB"] } }).then(bearer),
    "a compressed payload": (forge) => forge.token({ header: { zip: "DEF" } }).then(bearer),
    "an encrypted payload": (forge) => forge.token({ header: { enc: "A256GCM" } }).then(bearer),
    "an unencoded payload": (forge) => forge.token({ header: { b64: false } }).then(bearer),
    "no audience": claims({ aud: null }),
    "several audiences": async (forge) => bearer(await forge.token({ claims: { aud: [forge.apiClientId, "other"] } })),
    "no issuer": claims({ iss: null }),
    "no end": claims({ exp: null }),
    "an end as text": () => claims({ exp: String(NOW() + 3600) }),
    "an end in scientific notation beyond all numbers": raw((_, payload) => ({
      payload: payload.replace(/"exp":\d+/, '"exp":1e999'),
    })),
    "an end before all time": claims({ exp: -1 }),
    "a beginning as text": () => claims({ nbf: String(NOW()) }),
    "a beginning after the end": () => claims({ nbf: NOW() + 50, exp: NOW() + 40 }),
    "issued after the end": () => claims({ iat: NOW() + 50, exp: NOW() + 40 }),
    "no tenant": claims({ tid: null }),
    "no object id": claims({ oid: null }),
    "no subject": claims({ sub: null }),
    "no version": claims({ ver: null }),
    "an unknown version": claims({ ver: "3.0" }),
    "no caller": claims({ azp: null }),
    "an empty caller": claims({ azp: "" }),
    "the caller in the claim of the other version": async (forge) =>
      bearer(await forge.token({ claims: { azp: null, appid: forge.callerId } })),
    "another caller in the claim of the other version": claims({ appid: STRANGER }),
    "a strength of authentication that is a number": claims({ azpacr: 2 }),
    "roles as text": claims({ roles: "Records.Read" }),
    "roles that are not all text": claims({ roles: ["Records.Read", 1] }),
  }),
  ...group("algorithm-not-allowed", {
    "not signed": (forge) => forge.token({ sign: "none" }).then(bearer),
    "signed with the public key as a secret": (forge) => forge.token({ sign: "hs256-public-key" }).then(bearer),
    "said to be signed with PS256": (forge) => forge.token({ header: { alg: "PS256" } }).then(bearer),
    "said to be signed with RS512": (forge) => forge.token({ header: { alg: "RS512" } }).then(bearer),
    "said to be signed with ES256": (forge) => forge.token({ header: { alg: "ES256" } }).then(bearer),
    "the algorithm in small letters": (forge) => forge.token({ header: { alg: "rs256" } }).then(bearer),
    "several algorithms": (forge) => forge.token({ header: { alg: ["RS256"] } }).then(bearer),
    "no algorithm": (forge) => forge.token({ header: { alg: null } }).then(bearer),
  }),
  ...group("unknown-key", {
    "signed by a stranger": (forge) => forge.token({ sign: "unknown" }).then(bearer),
    "signed by a key that the tenant has withdrawn": (forge) => forge.token({ sign: "retired" }).then(bearer),
    "a key id that reaches for a property of objects": (forge) =>
      forge.token({ header: { kid: "__proto__" } }).then(bearer),
  }),
  ...group("bad-signature", {
    "claims changed after signing": withParts(([header, payload, signature]) => [
      header,
      changed(payload, { roles: ["Records.Manage"] }),
      signature,
    ]),
    "header changed after signing": withParts(([header, payload, signature]) => [
      changed(header, { x5t: "x" }),
      payload,
      signature,
    ]),
    "another token's signature": async (forge) => {
      const [header, payload] = (await forge.token()).split(".");
      const signature = (await forge.token({ claims: { uti: "another" } })).split(".")[2];
      return `Bearer ${header ?? ""}.${payload ?? ""}.${signature ?? ""}`;
    },
    "half a signature": withParts(([header, payload, signature]) => [header, payload, signature.slice(0, 172)]),
    "a signature of zeros": withParts(([header, payload, signature]) => [
      header,
      payload,
      Buffer.alloc(Buffer.from(signature, "base64url").length).toString("base64url"),
    ]),
  }),
  ...group("wrong-issuer", {
    "another issuer": claims({ iss: "https://login.example/v2.0" }),
    "the issuer of another tenant": async (forge) =>
      bearer(
        await forge.token({ claims: { iss: `https://login.microsoftonline.com/${STRANGER}/v2.0`, tid: STRANGER } }),
      ),
    "another tenant, under the tenant's own issuer": claims({ tid: STRANGER }),
    "a version that the issuer does not issue": async (forge) =>
      bearer(await forge.token({ claims: { ver: "1.0", appid: forge.callerId } })),
  }),
  ...group("wrong-audience", {
    "another audience": claims({ aud: STRANGER }),
    "Microsoft Graph's audience": claims({ aud: "00000003-0000-0000-c000-000000000000" }),
    "an audience that only begins like it": async (forge) =>
      bearer(await forge.token({ claims: { aud: `${forge.apiClientId}/` } })),
  }),
  ...group("token-expired", {
    "ended an hour ago": () => claims({ exp: NOW() - 3600 }),
    "ended just beyond the clock tolerance": () => claims({ exp: NOW() - 61 }),
  }),
  ...group("token-not-yet-valid", {
    "begins in an hour": () => claims({ nbf: NOW() + 3600 }),
    "issued in an hour": () => claims({ iat: NOW() + 3600 }),
  }),
  ...group("token-lifetime-too-long", {
    "ends in 29 hours": () => claims({ exp: NOW() + 29 * 3600 }),
    "ends in ten years": () => claims({ exp: NOW() + 10 * 365 * 24 * 3600 }),
  }),
  ...group("not-app-only", {
    "a user's delegated token": claims({ scp: "user_impersonation", idtyp: "user" }),
    "a delegated scope only": claims({ scp: "user_impersonation" }),
    "a user's token type only": claims({ idtyp: "user" }),
    "nothing that says it is an app's": claims({ idtyp: null, sub: "a-user-of-this-app" }),
  }),
  ...group("key-bound-token", {
    "a token bound to a key": claims({ cnf: { jkt: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }),
    "a token bound to a certificate": claims({ cnf: { "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" } }),
  }),
  ...group("weak-client-authentication", { "a public client": claims({ azpacr: "0" }) }),
  ...group("caller-not-allowed", {
    "a caller that is not on the list": claims({ azp: STRANGER }),
  }),
  ...group("role-missing", {
    "no roles": claims({ roles: null }),
    "an empty list of roles": claims({ roles: [] }),
    "another role": claims({ roles: ["Records.Other", "Records", "Records.Rea", "Records.Read.All"] }),
    "the role in small letters": claims({ roles: ["records.read"] }),
    "the role as a delegated permission": claims({ roles: null, wids: ["Records.Read"] }),
    "the role in a forged principal of App Service Authentication": async (forge) => ({
      authorization: bearer(await forge.token({ claims: { roles: null } })),
      otherHeaders: principal(forge),
    }),
  }),
];

type Made = string | null | AttackCredentials;
type Making = Made | Promise<Made> | ((forge: Forge) => Promise<Made>);

function group(code: RefusalCode, cases: Record<string, (forge: Forge) => Making>): Attack[] {
  return Object.entries(cases).map(([name, make]) => ({
    name,
    code,
    credentials: async (forge) => {
      const making = await make(forge);
      const made = typeof making === "function" ? await making(forge) : making;
      return typeof made === "object" && made !== null ? made : { authorization: made };
    },
  }));
}

/**
 * What App Service Authentication would tell about the caller, and anyone can send where it is off.
 * https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities#access-user-claims-in-app-code
 */
function principal({ callerId }: Forge): Record<string, string> {
  const claims = [
    { typ: "azp", val: callerId },
    { typ: "roles", val: "Records.Read" },
  ];
  const content = { auth_typ: "aad", claims, name_typ: "name", role_typ: "roles" };
  return {
    "X-MS-CLIENT-PRINCIPAL": Buffer.from(JSON.stringify(content)).toString("base64"),
    "X-MS-CLIENT-PRINCIPAL-ID": callerId,
    "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
  };
}

function bearer(token: string): string {
  return `Bearer ${token}`;
}

function claims(changes: object): (forge: Forge) => Promise<string> {
  return async (forge) => bearer(await forge.token({ claims: changes }));
}

type Parts = [header: string, payload: string, signature: string];

/** A good token, its parts changed after it was signed. */
function withParts(change: (parts: Parts) => string[]): (forge: Forge) => Promise<string> {
  return async (forge) => bearer(change((await forge.token()).split(".") as Parts).join("."));
}

/** A good token's texts, changed before they are signed. */
function raw(change: (header: string, payload: string) => { header?: string; payload?: string }) {
  return async (forge: Forge): Promise<string> => {
    const [header = "", payload = ""] = (await forge.token())
      .split(".")
      .map((part) => Buffer.from(part, "base64url").toString());
    return bearer(await forge.text(change(header, payload)));
  };
}

/** The same part with other members, as base64url. */
function changed(part: string, members: object): string {
  const content = JSON.parse(Buffer.from(part, "base64url").toString()) as object;
  return Buffer.from(JSON.stringify({ ...content, ...members })).toString("base64url");
}

/** The same bytes to a lenient reader: 256 bytes leave four bits of the last character unused. */
function strayBits(signature: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return signature.slice(0, -1) + (alphabet[alphabet.indexOf(signature.slice(-1)) + 1] ?? "");
}
