/** Compares the callee's authorization with token validation libraries: speed, refusals, and a flood of forged tokens. */
import { createPublicKey, hash, type JsonWebKey, verify as verifySignature } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { JwtVerifier } from "aws-jwt-verify";
import { auth } from "express-oauth2-jwt-bearer";
import { createVerifier } from "fast-jwt";
import { createRemoteJWKSet, jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import jwksRsa from "jwks-rsa";
import { createAuthorizer } from "@restricted-calls/shared/authorization";
import { makeKey, Tenant } from "@restricted-calls/shared/testing/tenant";
import { measureGuard } from "./guard-share.ts";
import { type Candidate, measure, median } from "./measure.ts";
import type { Bench, Compared, Ratio } from "@restricted-calls/shared/contract-bench";
import { duration, versionOf } from "./report.ts";

/** More tokens than our cache keeps, so that each one is new to it when its turn comes again. */
const DISTINCT_TOKENS = 1500;
const ROLE = "Things.Read";
const FLOOD_TOKENS = 100_000;
const OPTIONS = { rounds: 21, turnMs: 30 };

/** Verifies an `Authorization` header; false if it refuses the token. At once, where the library can. */
type Verify = (header: string) => boolean | Promise<boolean>;

export const bench: Bench = async (progress) => {
  const tenant = await Tenant.start();
  try {
    progress(`Signing ${DISTINCT_TOKENS} tokens ...`);
    const headers = Array.from({ length: DISTINCT_TOKENS }, () => header(tenant.token({ roles: [ROLE] })));
    const [same = ""] = headers;
    const token = same.slice("Bearer ".length);
    const ours = authorizer(tenant);
    const peers = makePeers(tenant);
    const verifiers = { ours, ...peers };
    for (const [name, verify] of Object.entries(verifiers)) {
      if (!(await verify(same))) throw new Error(`${name} refuses the valid token.`);
    }

    progress("A token seen before ...");
    const seen = await measure({ floor: seenFloor(token), ...always(verifiers, same) }, OPTIONS);
    progress("Tokens not seen before ...");
    const { "fast-jwt, cached": _, ...uncached } = peers;
    const fresh = await measure(
      { floor: verifyFloor(tenant, token), ...inTurn({ ours, ...uncached }, headers) },
      OPTIONS,
    );

    progress("Forged signatures ...");
    const forgedOne = header(tenant.token({ roles: [ROLE] }, {}, await makeKey()));
    await requireRefused("a forged signature", { ours, ...uncached }, forgedOne);
    const forged = await measure(always({ ours, ...uncached }, forgedOne), OPTIONS);

    const junk = await junkTokens(tenant);
    const refused: Record<string, Record<"ours" | "jose", number>> = {};
    for (const [name, bad] of Object.entries(junk)) {
      progress(`Junk: ${name} ...`);
      await requireRefused(name, { ours, jose: peers.jose }, bad);
      refused[name] = await measure(always({ ours, jose: peers.jose }, bad), OPTIONS);
    }
    progress(`A flood of ${FLOOD_TOKENS} forged tokens ...`);
    const flooded = await flood(tenant, ours, same);

    progress("Calls through the embedded host, with and without the guard ...");
    const call = await measureGuard(tenant, same);

    const { ours: _seen, floor: _digest, ...seenByPeers } = seen;
    const { ours: _fresh, floor: _verify, ...freshByPeers } = fresh;
    const { ours: _forged, ...forgedByPeers } = forged;
    const { "jsonwebtoken, given the key": keyAtHand, ...others } = freshByPeers;
    const cheaper = (name: string): number => (refused[name]?.jose ?? NaN) / (refused[name]?.ours ?? NaN);
    const ratios: Ratio[] = [
      { name: "seen before: ours / (SHA-256 + Map)", value: seen.ours / seen.floor, atMost: 1.5 },
      { name: "seen before: jose / ours", value: seen.jose / seen.ours, atLeast: 30 },
      { name: "seen before: ours / fast-jwt with its cache", value: seen.ours / seen["fast-jwt, cached"], atMost: 1 },
      { name: "not seen before: ours / bare crypto.verify", value: fresh.ours / fresh.floor, atMost: 1.8 },
      {
        name: "not seen before: ours / fast-jwt without its cache",
        value: fresh.ours / fresh["fast-jwt"],
        atMost: 0.8,
      },
      {
        name: "not seen before: ours / the quickest other",
        value: fresh.ours / Math.min(...Object.values(others)),
        atMost: 1,
      },
      { name: "not seen before: ours / jsonwebtoken, given the key", value: fresh.ours / keyAtHand, atMost: 1.1 },
      { name: "a forged signature, known key: jose / ours", value: forged.jose / forged.ours, atLeast: 2 },
      ...["another issuer", "another audience", "expired"].map((name) => ({
        name: `${name}, well signed: jose / ours`,
        value: cheaper(name),
        atLeast: 10,
      })),
      ...["another algorithm", "an unknown key"].map((name) => ({
        name: `${name}: jose / ours`,
        value: cheaper(name),
        atLeast: 1,
      })),
      { name: "honest calls during the flood / before", value: flooded.during / flooded.before, atMost: 2 },
      { name: "requests for keys during the flood", value: flooded.keyRequests, atMost: flooded.cooldowns },
      { name: "heap after the flood / before", value: flooded.heap, atMost: 1.5 },
      { name: "a call through the embedded host: guarded / open", value: call.guarded / call.open },
    ];
    return {
      title: "The callee's authorization",
      statistic: "lower quartile",
      figures: {
        "floor: SHA-256 of the token and a Map look-up": duration(seen.floor),
        "floor: bare crypto.verify": duration(fresh.floor),
        "a token seen before, whole decision: ours": duration(seen.ours),
        ...rows("the same token again", seenByPeers),
        "a token not seen before, whole decision: ours": duration(fresh.ours),
        ...rows("a token not seen before", freshByPeers),
        ...rows("refusing a forged signature", forged),
        ...Object.fromEntries(
          Object.entries(refused).map(([name, { ours: us, jose }]) => [
            `refusing ${name}: ours, jose`,
            `${duration(us)}, ${duration(jose)}`,
          ]),
        ),
        "a call through the embedded host: open, guarded": `${duration(call.open)}, ${duration(call.guarded)}`,
        [`heap before and after ${FLOOD_TOKENS} forged tokens`]: flooded.heapInWords,
      },
      ratios,
      notes: [`A token of ${token.length} bytes. ${versions()}.`],
      pictured: [
        {
          title: "A token seen before",
          ours: compared("ours, whole decision", seen.ours),
          others: [compared("floor: SHA-256 and Map look-up", seen.floor), ...bars(seenByPeers)],
        },
        {
          title: "A token not seen before",
          ours: compared("ours, whole decision", fresh.ours),
          others: [compared("floor: bare crypto.verify", fresh.floor), ...bars(freshByPeers)],
        },
        {
          title: "A forged signature under a known key, refused",
          ours: compared("ours, whole decision", forged.ours),
          others: [compared("floor: bare crypto.verify", fresh.floor), ...bars(forgedByPeers)],
        },
      ],
    };
  } finally {
    tenant.stop();
  }
};

async function requireRefused(name: string, verifiers: Record<string, Verify>, header: string): Promise<void> {
  for (const verify of Object.values(verifiers))
    if (await verify(header)) throw new Error(`A token with ${name} is accepted.`);
}

function rows(what: string, times: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(times).map(([name, time]) => [`${what}: ${name}`, duration(time)]));
}

function bars(times: Readonly<Record<string, number>>): Compared[] {
  return Object.entries(times).map(([name, time]) => compared(name, time));
}

function compared(name: string, nanoseconds: number): Compared {
  return { name, figure: duration(nanoseconds), nanoseconds };
}

/** Our whole decision, from the header to the caller. The audit event is discarded. */
function authorizer(tenant: Tenant): Verify {
  const authorize = createAuthorizer({
    authority: tenant.authority,
    tenantId: tenant.tenantId,
    audiences: [tenant.apiClientId, tenant.identifierUri],
    allowedCallers: [tenant.callerId],
    onKeyFailure: (error) => {
      throw error;
    },
  });
  const query = new URLSearchParams();
  return (authorization) => {
    const decision = authorize({ authorization, query, operation: "bench", traceParent: undefined }, ROLE);
    return decision instanceof Promise ? decision.then(({ allowed }) => allowed) : decision.allowed;
  };
}

function makePeers(
  tenant: Tenant,
): Record<
  | "jose"
  | "aws-jwt-verify"
  | "fast-jwt"
  | "fast-jwt, cached"
  | "jsonwebtoken, given the key"
  | "jsonwebtoken with jwks-rsa"
  | "express-oauth2-jwt-bearer",
  Verify
> {
  const issuer = tenant.issuers["2.0"];
  const audience = [tenant.apiClientId, tenant.identifierUri];
  const keySet = createRemoteJWKSet(new URL(tenant.jwksUri));

  const aws = JwtVerifier.create({ issuer, audience, jwksUri: tenant.jwksUri.replace("http:", "https:") });
  aws.cacheJwks({ keys: tenant.published as never });

  const fastJwt = (cache: boolean): ((token: string) => unknown) =>
    createVerifier({
      key: tenant.current.publicKey.export({ type: "spki", format: "pem" }),
      algorithms: ["RS256"],
      allowedIss: issuer,
      allowedAud: audience,
      cache,
    }) as (token: string) => unknown;
  const [plain, cached] = [fastJwt(false), fastJwt(true)];

  const jwks = jwksRsa({ jwksUri: tenant.jwksUri, cache: true });
  const getKey: jsonwebtoken.GetPublicKeyOrSecret = ({ kid }, done) => {
    jwks.getSigningKey(kid).then(
      (key) => {
        done(null, key.getPublicKey());
      },
      (error: unknown) => {
        done(error as Error);
      },
    );
  };

  // The members of an Express request that the middleware reads.
  const request = {
    query: {},
    protocol: "https",
    url: "/",
    method: "GET",
    is: () => false,
    get: () => "callee.example",
  };
  const middleware = auth({ issuer, audience, jwksUri: tenant.jwksUri, tokenSigningAlg: "RS256" });
  return {
    jose: succeeds((token) => jwtVerify(token, keySet, { issuer, audience, algorithms: ["RS256"] })),
    "aws-jwt-verify": succeeds((token) => aws.verifySync(token)),
    "fast-jwt": succeeds(plain),
    "fast-jwt, cached": succeeds(cached),
    "jsonwebtoken, given the key": succeeds((token) =>
      jsonwebtoken.verify(token, tenant.current.publicKey, {
        ...{ issuer, audience: audience as [string, ...string[]], algorithms: ["RS256"] },
      }),
    ),
    "jsonwebtoken with jwks-rsa": (header) =>
      new Promise((resolve) => {
        jsonwebtoken.verify(
          header.slice("Bearer ".length),
          getKey,
          { issuer, audience: audience as [string, ...string[]], algorithms: ["RS256"] },
          (error) => {
            resolve(error === null);
          },
        );
      }),
    "express-oauth2-jwt-bearer": (authorization) =>
      new Promise((resolve) => {
        void middleware({ ...request, headers: { authorization } } as never, {} as never, (error?: unknown) => {
          resolve(error === undefined);
        });
      }),
  };
}

/** A flat string, like a header from the HTTP parser. V8 would flatten a concatenated one during the measurement. */
function header(token: string): string {
  return Buffer.from(`Bearer ${token}`).toString("latin1");
}

function succeeds(verify: (token: string) => unknown): Verify {
  return (header) => {
    try {
      const verified = verify(header.slice("Bearer ".length));
      if (!(verified instanceof Promise)) return true;
      return verified.then(
        () => true,
        () => false,
      );
    } catch {
      return false;
    }
  };
}

function always<Name extends string>(verifiers: Record<Name, Verify>, header: string): Record<Name, Candidate> {
  return inTurn(verifiers, [header]);
}

function inTurn<Name extends string>(
  verifiers: Record<Name, Verify>,
  headers: readonly string[],
): Record<Name, Candidate> {
  const candidates = Object.entries<Verify>(verifiers).map(([name, verify]) => {
    let next = 0;
    const candidate: Candidate = async (times) => {
      for (let time = 0; time < times; time++) {
        const verified = verify(headers[next++ % headers.length] ?? "");
        if (verified instanceof Promise) await verified;
      }
    };
    return [name, candidate];
  });
  return Object.fromEntries(candidates) as Record<Name, Candidate>;
}

/** The lower bound for a cache of verified tokens whose key is a digest. */
function seenFloor(token: string): Candidate {
  const known = new Map([[hash("sha256", token, "base64"), true]]);
  return (times) => {
    for (let time = 0; time < times; time++) if (!known.has(hash("sha256", token, "base64"))) throw new Error();
  };
}

/** The lower bound for every verifier. */
function verifyFloor(tenant: Tenant, token: string): Candidate {
  const key = createPublicKey({ key: tenant.published[0] as JsonWebKey, format: "jwk" });
  const end = token.lastIndexOf(".");
  const signed = Buffer.from(token.slice(0, end));
  const signature = Buffer.from(token.slice(end + 1), "base64url");
  return (times) => {
    for (let time = 0; time < times; time++) if (!verifySignature("sha256", signed, key, signature)) throw new Error();
  };
}

/** Invalid tokens, each for one reason. */
async function junkTokens(tenant: Tenant): Promise<Record<string, string>> {
  const past = Math.floor(Date.now() / 1000) - 3600;
  return {
    "another issuer": header(tenant.token({ iss: "https://login.example/v2.0" })),
    "another audience": header(tenant.token({ aud: tenant.callerId })),
    expired: header(tenant.token({ exp: past })),
    "another algorithm": header(tenant.token({}, { alg: "PS256" })),
    "an unknown key": header(tenant.token({}, { kid: "unknown" }, await makeKey())),
  };
}

/** Sends distinct forged tokens, each with its own key id, and valid ones in between. */
async function flood(tenant: Tenant, verify: Verify, honest: string) {
  const time = async (): Promise<number> => {
    const began = process.hrtime.bigint();
    await verify(honest);
    return Number(process.hrtime.bigint() - began);
  };
  const [, payload = "", signature = ""] = tenant.token().split(".");
  const forged = (index: number): string =>
    header(
      `${Buffer.from(JSON.stringify({ ...tenant.header(), kid: `forged-${index}` })).toString("base64url")}.${payload}.${signature}`,
    );

  const before = [];
  for (let call = 0; call < 2000; call++) before.push(await time());
  const requestsBefore = tenant.requests.keys;
  const began = Date.now();
  const heapBefore = heapUsed();
  const during = [];
  for (let index = 0; index < FLOOD_TOKENS; index++) {
    await verify(forged(index));
    if (index % 50 === 0) during.push(await time());
  }
  const heapAfter = heapUsed();
  return {
    before: median(before),
    during: median(during),
    keyRequests: tenant.requests.keys - requestsBefore,
    cooldowns: 1 + Math.floor((Date.now() - began) / 30_000),
    heap: heapAfter / heapBefore,
    heapInWords: `${(heapBefore / 2 ** 20).toFixed(1)} MiB, ${(heapAfter / 2 ** 20).toFixed(1)} MiB`,
  };
}

function heapUsed(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

function versions(): string {
  const names = ["jose", "aws-jwt-verify", "fast-jwt", "jsonwebtoken", "jwks-rsa", "express-oauth2-jwt-bearer"];
  return names.map((name) => `${name} ${versionOf(name)}`).join(", ");
}
