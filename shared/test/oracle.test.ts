import { constants, createHash, privateEncrypt, sign } from "node:crypto";
import fc from "fast-check";
import { jwtVerify } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Authorize, createAuthorizer } from "../authorization/index.ts";
import { type Rules, shouldAccept } from "./oracle.ts";
import { jwkOf, makeKey, replaced, signText, Tenant, type TenantKey } from "../testing/tenant.ts";

let tenant: Tenant;
let keys: TenantKey[];
let rules: Rules;
let authorize: Authorize;

beforeAll(async () => {
  tenant = await Tenant.start();
  const [second, withdrawn] = await Promise.all([makeKey(), makeKey()]);
  keys = [tenant.current, second, withdrawn];
  tenant.published = [jwkOf(tenant.current), jwkOf(second)];
  rules = {
    keys: [tenant.current, second],
    issuers: tenant.issuers,
    audiences: [tenant.apiClientId, tenant.identifierUri],
    tenantId: tenant.tenantId,
    callers: [tenant.callerId],
    role: "Records.Read",
  };
  authorize = createAuthorizer({
    authority: tenant.authority,
    tenantId: tenant.tenantId,
    audiences: rules.audiences,
    allowedCallers: rules.callers,
    onKeyFailure: (error) => {
      throw error;
    },
  });
});
afterAll(() => {
  tenant.stop();
});

const weird = fc.oneof(
  fc.constant(null),
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.array(fc.string(), { maxLength: 2 }),
  fc.constant({}),
);
const seconds = fc.constantFrom(-7200, -3600, -62, -58, 0, 58, 62, 3600, 28 * 3600 + 50, 28 * 3600 + 70);

/** Changes to a good token: values that matter among values that do not. */
function mutations() {
  const now = Math.floor(Date.now() / 1000);
  const time = fc.oneof(
    seconds.map((offset) => now + offset),
    weird,
  );
  const pick = (...values: unknown[]) => fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...values) }, weird);
  const v1 = { ver: "1.0", iss: tenant.issuers["1.0"], appid: tenant.callerId, appidacr: "2" };
  const change = fc.oneof(
    fc.constant(v1),
    pick(tenant.apiClientId, tenant.identifierUri, "other").map((aud) => ({ aud })),
    pick(tenant.issuers["1.0"], tenant.issuers["2.0"], "other").map((iss) => ({ iss })),
    pick("1.0", "2.0").map((ver) => ({ ver })),
    pick(tenant.tenantId, "other").map((tid) => ({ tid })),
    pick(tenant.callerId, "other").map((azp) => ({ azp })),
    pick(tenant.callerId, "other").map((appid) => ({ appid })),
    pick("0", "1", "2").map((azpacr) => ({ azpacr })),
    pick("0", "1", "2").map((appidacr) => ({ appidacr })),
    pick("app", "user").map((idtyp) => ({ idtyp })),
    pick("user_impersonation", null).map((scp) => ({ scp })),
    pick(["Records.Read"], ["Records.Read", "x"], ["x"], [], ["Records.Read", 1]).map((roles) => ({ roles })),
    pick("6f0c8f2e-1111-4000-8000-000000000004", "other").map((sub) => ({ sub })),
    fc.constantFrom("TID", "Tid", "aUd", "AZP", "\u017fub", "SUB").map((name) => ({ [name]: "x" })),
    pick({ jkt: "x" }).map((cnf) => ({ cnf })),
    weird.map((oid) => ({ oid })),
    weird.map((uti) => ({ uti })),
    time.map((exp) => ({ exp })),
    time.map((nbf) => ({ nbf })),
    time.map((iat) => ({ iat })),
    fc.dictionary(fc.string(), weird, { maxKeys: 2 }),
    fc.jsonValue({ maxDepth: 10 }).map((extra) => ({ extra })),
  );
  const headerChange = fc.oneof(
    pick("RS256", "none", "HS256", "PS256").map((alg) => ({ alg })),
    pick("JWT", "at+jwt").map((typ) => ({ typ })),
    pick(...keys.map(({ kid }) => kid)).map((kid) => ({ kid })),
    weird.map((crit) => ({ crit })),
    fc
      .constantFrom("jku", "jwk", "x5u", "x5c", "x5t", "zip", "enc", "KID", "Alg", "nonce", "cty")
      .map((name) => ({ [name]: "x" })),
  );
  return fc.record({
    claims: fc.array(change, { maxLength: 3 }),
    header: fc.array(headerChange, { maxLength: 1 }),
    key: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2)),
    kidFollowsKey: fc.boolean(),
    payloadText: fc.oneof(
      { weight: 6, arbitrary: fc.constant("as it is") },
      fc.constantFrom("duplicate", "same twice", "spaced", "escaped", "bom", "cut"),
    ),
    token: fc.oneof(
      { weight: 6, arbitrary: fc.constant("as it is" as const) },
      fc.record({ at: fc.nat(), by: fc.constantFrom("", "A", "_", ".", "=", "+", "é") }),
    ),
  });
}

function build(mutation: ReturnType<typeof mutations> extends fc.Arbitrary<infer M> ? M : never): string {
  const key = keys[mutation.key] ?? tenant.current;
  const header = { ...tenant.header(), ...(mutation.kidFollowsKey && { kid: key.kid }) };
  const merge = (base: object, changes: readonly object[]): string =>
    JSON.stringify(changes.reduce((members: object, change) => replaced(members, change), base));
  const text = rewritten(merge(tenant.claims(), mutation.claims), mutation.payloadText);
  const token = signText(merge(header, mutation.header), text, key.privateKey);
  if (mutation.token === "as it is") return token;
  const at = mutation.token.at % token.length;
  return token.slice(0, at) + mutation.token.by + token.slice(at + 1);
}

function rewritten(text: string, how: string): string {
  if (how === "duplicate") return text.replace("{", '{"aud":"other",');
  if (how === "same twice") return text.replace("}", ',"ver":"2.0"}');
  if (how === "spaced") return JSON.stringify(JSON.parse(text), undefined, 2);
  if (how === "escaped") return text.replace('"ver"', '"v\\u0065r"');
  if (how === "bom") return `\ufeff${text}`;
  return how === "cut" ? text.slice(0, -1) : text;
}

test("accepts if and only if an independent oracle accepts, and never what jose refuses", async () => {
  const counts = { accepted: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(mutations(), async (mutation) => {
      const token = build(mutation);
      const call = {
        authorization: `Bearer ${token}`,
        query: new URLSearchParams(),
        operation: "test",
        traceParent: undefined,
      };
      const expected = shouldAccept(token, rules);
      // Twice: the second time a good token is one that was seen before.
      for (let time = 1; time <= 2; time++) {
        const outcome = await authorize(call, rules.role);
        expect({ token, allowed: outcome.allowed }).toEqual({ token, allowed: expected });
      }
      if (expected) {
        const keyOf = ({ kid }: { kid?: string }) =>
          keys.find((key) => key.kid === kid)?.publicKey ?? tenant.current.publicKey;
        const { audiences, issuers } = rules;
        await jwtVerify(token, keyOf, {
          algorithms: ["RS256"],
          audience: [...audiences],
          issuer: Object.values(issuers),
          clockTolerance: 60,
        });
      }
      counts[expected ? "accepted" : "refused"]++;
    }),
    { numRuns: 2000 },
  );
  // The property says something only where both happen often.
  expect(counts.accepted).toBeGreaterThan(100);
  expect(counts.refused).toBeGreaterThan(100);
});

/** Signatures of a good token: each is made with the right key, except where its name says otherwise. */
function signatures(signed: string): Record<string, Buffer> {
  const { privateKey, publicKey } = tenant.current;
  const good = sign("sha256", Buffer.from(signed), privateKey);
  const modulus = Buffer.from(publicKey.export({ format: "jwk" }).n ?? "", "base64url");
  const digest = createHash("sha256").update(signed).digest("hex");
  const digestInfo = `3031300d060960864801650304020105000420${digest}`;
  /** Encrypts `00 01`, as much `ff` as there is room for, `00`, and this: RFC 8017, section 9.2. */
  const padded = (hex: string, behind = "", begin = "0001"): Buffer => {
    const room = modulus.length - (begin.length + 2 + hex.length + behind.length) / 2;
    const message = Buffer.from(`${begin}${"ff".repeat(room)}00${hex}${behind}`, "hex");
    return privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, message);
  };
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  return {
    good,
    "good, padded by hand": padded(digestInfo),
    "one bit changed": Buffer.from(good.map((byte, at) => (at === 100 ? byte ^ 1 : byte))),
    "a byte less": good.subarray(1),
    "a byte more": Buffer.concat([good, Buffer.alloc(1)]),
    "a zero in front": Buffer.concat([Buffer.alloc(1), good]),
    "of another text": sign("sha256", Buffer.from(`${signed}.`), privateKey),
    "by another key": sign("sha256", Buffer.from(signed), keys[1]?.privateKey ?? privateKey),
    "with PSS": sign("sha256", Buffer.from(signed), { key: privateKey, ...pss }),
    "with SHA-1": sign("sha1", Buffer.from(signed), privateKey),
    "with SHA-512": sign("sha512", Buffer.from(signed), privateKey),
    "no digest information": padded(digest),
    "digest information without parameters": padded(`302f300b06096086480165030402010420${digest}`),
    "more behind the digest": padded(digestInfo, "00".repeat(64)),
    "the padding of encryption": padded(digestInfo, "", "0002"),
    zero: Buffer.alloc(modulus.length),
    one: Buffer.concat([Buffer.alloc(modulus.length - 1), Buffer.from([1])]),
    "the modulus": modulus,
    "more than the modulus": Buffer.alloc(modulus.length, 255),
    "ten thousand bytes": Buffer.alloc(10_000, 1),
    empty: Buffer.alloc(0),
  };
}

test("accepts the same signatures as jose and as the oracle: those that RFC 8017 accepts", async () => {
  const [header = "", payload = ""] = tenant.token().split(".");
  const accepted: string[] = [];
  for (const [name, signature] of Object.entries(signatures(`${header}.${payload}`))) {
    const token = `${header}.${payload}.${signature.toString("base64url")}`;
    const call = { authorization: `Bearer ${token}`, query: new URLSearchParams(), operation: "test" };
    const { allowed } = await authorize({ ...call, traceParent: undefined }, rules.role);
    const byJose = await jwtVerify(token, tenant.current.publicKey).then(
      () => true,
      () => false,
    );
    expect({ name, allowed, byOracle: shouldAccept(token, rules) }).toEqual({
      name,
      allowed: byJose,
      byOracle: byJose,
    });
    if (allowed) accepted.push(name);
  }
  expect(accepted).toEqual(["good", "good, padded by hand"]);
});
