import nodeCrypto, { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import type { JWK } from "jose";
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import {
  type Authorization,
  type Authorize,
  type AuthorizerOptions,
  createAuthorizer,
  type CustomRule,
} from "../authorization/index.ts";
import { refusalProblem } from "../authorization/refusals.ts";
import { fetchTenantKeys } from "../authorization/tenant-metadata.ts";
import { jwkOf, makeKey, Tenant } from "../testing/tenant.ts";

const HOUR = 3600_000;

let tenant: Tenant;
let failures: string[];

beforeEach(async () => {
  tenant = await Tenant.start();
  failures = [];
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  tenant.stop();
});

function authorizer(changes: Partial<AuthorizerOptions> = {}): Authorize {
  return createAuthorizer({
    authority: tenant.authority,
    tenantId: tenant.tenantId,
    audiences: [tenant.apiClientId, tenant.identifierUri],
    allowedCallers: [tenant.callerId],
    onKeyFailure: (error) => failures.push(String(error)),
    ...changes,
  });
}

function ask(authorize: Authorize, token: string, role = "Records.Read"): ReturnType<Authorize> {
  const call = {
    authorization: `Bearer ${token}`,
    query: new URLSearchParams(),
    operation: "getRecord",
    traceParent: "00-trace",
  };
  return authorize(call, role);
}

/** Counts how often a signature is verified from now on. */
function spyOnVerify(): MockInstance {
  const verify = vi.spyOn(nodeCrypto, "verify");
  syncBuiltinESMExports();
  return verify;
}

async function outcome(authorize: Authorize, token: string, role?: string): Promise<string> {
  const authorization = await ask(authorize, token, role);
  return authorization.allowed ? "allowed" : authorization.code;
}

/** Lets time pass, on the clock that somebody may set and on the one that nobody does. */
function pass(milliseconds: number): void {
  setClock(Date.now() + milliseconds);
  const later = performance.now() + milliseconds;
  vi.spyOn(performance, "now").mockReturnValue(later);
}

function setClock(now: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now });
}

/** Holds the answers to requests for the keys back until they are released, and says when one has come. */
function holdKeys(): { readonly release: () => void; readonly arrived: () => Promise<void> } {
  const held: ServerResponse[] = [];
  tenant.answer = (url, response) => {
    if (url !== new URL(tenant.jwksUri).pathname) return false;
    held.push(response);
    return true;
  };
  const release = (): void => {
    tenant.answer = () => false;
    for (const response of held) response.end(JSON.stringify({ keys: tenant.published }));
  };
  const arrived = (): Promise<void> =>
    vi.waitFor(() => {
      expect(held).toHaveLength(1);
    });
  return { release, arrived };
}

/** A token that ends as late as any of Entra's may. */
function longLived(key = tenant.current): string {
  return tenant.token({ exp: Math.floor(Date.now() / 1000) + 28 * 3600 }, { kid: key.kid }, key);
}

describe("a token seen before", () => {
  test("is not verified again, and who may call is still decided at every call", async () => {
    const authorize = authorizer();
    const verify = spyOnVerify();
    const token = tenant.token();
    expect(await outcome(authorize, token)).toBe("allowed");
    expect(await outcome(authorize, token, "Records.Write")).toBe("allowed");
    expect(await outcome(authorize, token, "Records.Manage")).toBe("role-missing");
    expect(verify).toHaveBeenCalledTimes(1);
  });

  test("and any other whose key is known are decided at once: only what asks the tenant is a promise", async () => {
    const authorize = authorizer();
    const first = ask(authorize, tenant.token());
    expect(first).toBeInstanceOf(Promise);
    await first;
    for (const token of [tenant.token(), tenant.token({}, {}, await makeKey())])
      expect(ask(authorize, token)).not.toBeInstanceOf(Promise);
  });

  test("is refused once it ends", async () => {
    const authorize = authorizer();
    const token = tenant.token({ exp: Math.floor(Date.now() / 1000) + 600 });
    expect(await outcome(authorize, token)).toBe("allowed");
    pass(661_000);
    expect(await outcome(authorize, token)).toBe("token-expired");
  });

  test("is verified again once it has ended, within the clock tolerance", async () => {
    const authorize = authorizer();
    const token = tenant.token({ exp: Math.floor(Date.now() / 1000) + 600 });
    await outcome(authorize, token);
    const verify = spyOnVerify();
    pass(610_000);
    expect(await outcome(authorize, token)).toBe("allowed");
    expect(verify).toHaveBeenCalledTimes(1);
  });

  test("is refused once its key has left the key set", async () => {
    const authorize = authorizer();
    const token = longLived();
    expect(await outcome(authorize, token)).toBe("allowed");
    tenant.published = [jwkOf(await makeKey())];
    pass(HOUR);
    expect(await outcome(authorize, token)).toBe("unknown-key");
  });

  test("is refused once another key goes by the same id", async () => {
    const authorize = authorizer();
    const token = longLived();
    expect(await outcome(authorize, token)).toBe("allowed");
    tenant.published = [jwkOf({ ...(await makeKey()), kid: tenant.current.kid })];
    pass(HOUR);
    // The first call waits for the new key set, the second one finds the token among those seen before.
    for (let call = 1; call <= 2; call++) expect(await outcome(authorize, token)).toBe("bad-signature");
  });

  test("is not remembered when it was refused", async () => {
    const authorize = authorizer();
    const verify = spyOnVerify();
    const token = tenant.token({ azp: "6f0c8f2e-9999-4000-8000-000000000009" });
    for (let call = 1; call <= 3; call++) {
      expect(await outcome(authorize, token)).toBe("caller-not-allowed");
      expect(verify).toHaveBeenCalledTimes(call);
    }
  });

  test("does not make a changed token good", async () => {
    const authorize = authorizer();
    const token = tenant.token();
    expect(await outcome(authorize, token)).toBe("allowed");
    expect(await outcome(authorize, `${token.slice(0, -4)}AAAA`)).toMatch(/bad-signature|malformed-token/);
  });

  test("stays good while as many others come as there may, and the memory is bounded", async () => {
    const authorize = authorizer();
    const token = tenant.token();
    await outcome(authorize, token);
    const verify = spyOnVerify();
    for (let other = 0; other < 400; other++) await outcome(authorize, tenant.token());
    await outcome(authorize, token);
    expect(verify).toHaveBeenCalledTimes(400);
  });
});

describe("what is bad on its face costs no signature", () => {
  test.each<[string, object]>([
    ["wrong-issuer", { iss: "https://login.example/" }],
    ["wrong-audience", { aud: "other" }],
    ["token-expired", { exp: 1 }],
  ])("%s", async (code, claims) => {
    const authorize = authorizer();
    await outcome(authorize, tenant.token());
    const verify = spyOnVerify();
    expect(await outcome(authorize, tenant.token(claims))).toBe(code);
    expect(verify).not.toHaveBeenCalled();
  });
});

test("an unknown key id is refused for that, whatever else is wrong, while the tenant was asked a moment ago", async () => {
  const authorize = authorizer();
  await outcome(authorize, tenant.token());
  expect(await outcome(authorize, tenant.token({ exp: 1 }, { kid: "unknown" }))).toBe("unknown-key");
});

test("a token of more than 16 KiB is not parsed", async () => {
  const authorize = authorizer();
  expect(await outcome(authorize, tenant.token({ x: "x".repeat(11_000) }))).toBe("allowed");
  expect(await outcome(authorize, tenant.token({ x: "x".repeat(13_000) }))).toBe("malformed-token");
});

describe("keys", () => {
  test("are fetched once for all who call at the same moment", async () => {
    const authorize = authorizer();
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome(authorize, tenant.token())));
    expect(new Set(outcomes)).toEqual(new Set(["allowed"]));
    expect(tenant.requests).toEqual({ metadata: 2, keys: 1 });
  });

  test("that are new are accepted at the latest one cooldown after their publication, also while forged ones arrive", async () => {
    const authorize = authorizer();
    await outcome(authorize, tenant.token());
    const [next, stranger] = await Promise.all([makeKey(), makeKey()]);
    tenant.published = [...tenant.published, jwkOf(next)];
    const token = tenant.token({}, { kid: next.kid }, next);
    expect(await outcome(authorize, token)).toBe("unknown-key");
    for (let index = 0; index < 100; index++) {
      expect(await outcome(authorize, tenant.token({}, { kid: `forged-${index}` }, stranger))).toBe("unknown-key");
    }
    expect(tenant.requests.keys).toBe(1);
    pass(30_000);
    expect(await outcome(authorize, token)).toBe("allowed");
    expect(tenant.requests.keys).toBe(2);
  });

  test("are fetched at the start, before anybody calls", async () => {
    authorizer();
    await vi.waitFor(() => {
      expect(tenant.requests).toEqual({ metadata: 2, keys: 1 });
    });
  });

  test("that cannot be had at the start can be had a second later", async () => {
    tenant.answer = (_, response) => response.socket?.destroy() !== undefined;
    const authorize = authorizer();
    await vi.waitFor(() => {
      expect(failures).toHaveLength(1);
    });
    tenant.answer = () => false;
    expect(await ask(authorize, tenant.token())).toMatchObject({ code: "keys-unavailable", retryAfterSeconds: 1 });
    pass(1000);
    expect(await outcome(authorize, tenant.token())).toBe("allowed");
  });

  test("that are new are accepted after the cooldown also where somebody sets the clock back", async () => {
    const authorize = authorizer();
    await outcome(authorize, tenant.token());
    const next = await makeKey();
    tenant.published = [...tenant.published, jwkOf(next)];
    pass(30_000);
    setClock(Date.now() - 5 * HOUR);
    expect(await outcome(authorize, tenant.token({}, { kid: next.kid }, next))).toBe("allowed");
  });

  test("leave the host to callers with a known one, where the tenant does not answer and forged key ids arrive", async () => {
    const authorize = authorizer();
    const seen = tenant.token();
    await outcome(authorize, seen);
    const stranger = await makeKey();
    pass(30_000);
    const { release, arrived } = holdKeys();
    const answered: Authorization[] = [];
    const forged = Array.from({ length: 400 }, async (_, id) => {
      answered.push(await ask(authorize, tenant.token({}, { kid: `forged-${id}` }, stranger)));
    });
    for (let call = 0; call < 74; call++) {
      expect(await outcome(authorize, call % 2 === 0 ? seen : tenant.token())).toBe("allowed");
    }
    expect(answered).toHaveLength(350);
    for (const refusal of answered) expect(refusal).toMatchObject({ code: "keys-unavailable", retryAfterSeconds: 1 });
    await arrived();
    release();
    await Promise.all(forged);
    for (const refusal of answered.slice(350)) expect(refusal).toMatchObject({ code: "unknown-key" });
  });

  test("that are an hour old still refuse forged and foreign tokens at once: only good ones wait for a tenant that does not answer", async () => {
    const authorize = authorizer();
    await outcome(authorize, tenant.token());
    pass(HOUR);
    // Where the tenant's silence counted as a failure, old keys would do for everybody.
    vi.spyOn(AbortSignal, "timeout").mockReturnValue(new AbortController().signal);
    const { release, arrived } = holdKeys();
    const answered: string[] = [];
    const good = outcome(authorize, tenant.token()).finally(() => answered.push("good"));
    await arrived();
    const forged = tenant.token({}, {}, await makeKey());
    for (let call = 0; call < 400; call++) expect(await outcome(authorize, forged)).toBe("bad-signature");
    // Entra signs the tokens of all tenants and for all services with the same keys.
    const foreign = tenant.token({ aud: "00000003-0000-0000-c000-000000000000" });
    for (let call = 0; call < 400; call++) expect(await outcome(authorize, foreign)).toBe("wrong-audience");
    const unknown = tenant.token({ aud: "00000003-0000-0000-c000-000000000000" }, { kid: "unknown" });
    expect(await outcome(authorize, unknown)).toBe("wrong-audience");
    expect(answered).toEqual([]);
    release();
    expect(await good).toBe("allowed");
  });
});

describe("a key that the tenant has withdrawn", () => {
  test.each([1, 12, 23.9])(
    "lets nobody in %d hours later, however many call at once, and however slow Entra is",
    async (hours) => {
      const authorize = authorizer();
      const seen = longLived();
      expect(await outcome(authorize, seen)).toBe("allowed");
      tenant.published = [jwkOf(await makeKey())];
      pass(hours * HOUR);
      const { release, arrived } = holdKeys();
      const calls = Array.from({ length: 200 }, (_, call) =>
        outcome(authorize, call % 2 === 0 ? seen : tenant.token()),
      );
      await arrived();
      release();
      expect(new Set(await Promise.all(calls))).toEqual(new Set(["unknown-key"]));
    },
  );
});

describe("a key is as good as not published", () => {
  const consumers = "9188040d-6c67-4c5b-b112-36a304b66dad";
  const zeros = (text = "", count = 128): string =>
    Buffer.concat([Buffer.alloc(count), Buffer.from(text, "base64url")]).toString("base64url");
  test.each<[string, (jwk: JWK, of: Tenant) => object, number?]>([
    ["that signs for personal accounts", (_, of) => ({ issuer: `${of.authority}/${consumers}/v2.0` })],
    ["that signs for another tenant", (_, of) => ({ issuer: `${of.authority}/${of.callerId}/v2.0` })],
    ["that signs for another authority", (_, of) => ({ issuer: `https://login.example/${of.tenantId}/v2.0` })],
    ["whose issuer is no text", () => ({ issuer: null })],
    ["whose issuer is empty", () => ({ issuer: "" })],
    ["of another cloud", () => ({ cloud_instance_name: "microsoftonline.us" })],
    ["of 1,024 bits", () => ({}), 1024],
    ["of 2,047 bits", () => ({}), 2047],
    ["of 1,024 bits, with zeros in front", ({ n }) => ({ n: zeros(n) }), 1024],
    ["with an exponent of 3", () => ({ e: "Aw" })],
    ["with an exponent of 65,535", () => ({ e: "__8" })],
    ["with an exponent of 3, with zeros in front", () => ({ e: zeros("Aw", 4) })],
    ["without an exponent", () => ({ e: "" })],
    ["whose modulus is no base64url", ({ n }) => ({ n: `${n ?? ""}==` })],
    ["for encryption", () => ({ use: "enc" })],
    ["for another algorithm", () => ({ alg: "RS512" })],
    ["for another algorithm of RSA", () => ({ alg: "PS256" })],
    ["that may do other things than verify", () => ({ key_ops: ["encrypt", "wrapKey"] })],
    ["of another type", () => ({ kty: "EC", crv: "P-256", x: "AA", y: "AA" })],
    ["that is a secret", () => ({ kty: "oct", k: "AAAA" })],
    ["without a type", () => ({ kty: undefined })],
  ])("%s", async (_, change, bits = 2048) => {
    const key = await makeKey(bits);
    const jwk = jwkOf(key);
    tenant.published = [{ ...jwk, ...change(jwk, tenant) }, ...tenant.published];
    const authorize = authorizer();
    expect(await outcome(authorize, tenant.token({}, { kid: key.kid }, key))).toBe("unknown-key");
    expect(await outcome(authorize, tenant.token())).toBe("allowed");
  });

  test("with an exponent of 1: anybody can make signatures for it", async () => {
    const key = await makeKey();
    tenant.published = [...tenant.published, { ...jwkOf(key), e: "AQ" }];
    const [header, payload] = tenant.token({}, { kid: key.kid }).split(".");
    const signed = `${header ?? ""}.${payload ?? ""}`;
    // RFC 8017, section 9.2: with this exponent, the padded digest is its own signature.
    const digest = Buffer.concat([
      Buffer.from("3031300d060960864801650304020105000420", "hex"),
      createHash("sha256").update(signed).digest(),
    ]);
    const padded = Buffer.concat([
      Buffer.from([0, 1]),
      Buffer.alloc(253 - digest.length, 0xff),
      Buffer.from([0]),
      digest,
    ]);
    expect(await outcome(authorizer(), `${signed}.${padded.toString("base64url")}`)).toBe("unknown-key");
  });
});

describe("a key is accepted", () => {
  test.each<[string, object]>([
    ["whose issuer is any tenant's", { issuer: "{authority}/{tenantid}/v2.0" }],
    ["that names no issuer and no cloud", { issuer: undefined, cloud_instance_name: undefined }],
    ["that may verify, among other things", { key_ops: ["verify", "encrypt"] }],
    ["that names the algorithm", { alg: "RS256" }],
    ["that does not say what it is for", { use: undefined }],
  ])("%s", async (_, change) => {
    const text = JSON.stringify({ ...jwkOf(tenant.current), issuer: tenant.issuers["2.0"], ...change });
    tenant.answer = (url, response) => {
      if (url !== new URL(tenant.jwksUri).pathname) return false;
      response.end(`{"keys":[${text.replace("{authority}", tenant.authority)}]}`);
      return true;
    };
    expect(await outcome(authorizer(), tenant.token())).toBe("allowed");
  });

  test.each<[string, unknown[]]>([
    ["null", [null]],
    ["text", ["key"]],
    ["a list", [[]]],
    ["an entry without anything", [{}]],
    ["an RSA key without numbers", [{ kty: "RSA", kid: "empty" }]],
    ["a modulus that is no number", [{ kty: "RSA", kid: "none", n: "*", e: "AQAB" }]],
    ["an elliptic key that is none", [{ kty: "EC", kid: "ec" }]],
    ["a hundred others", Array.from({ length: 100 }, (_, id) => ({ kty: "EC", kid: `key-${id}` }))],
  ])("beside %s", async (_, others) => {
    tenant.published = [...others, ...tenant.published];
    expect(await outcome(authorizer(), tenant.token())).toBe("allowed");
  });

  test("beside one that this runtime cannot import", async () => {
    tenant.published = [jwkOf(await makeKey()), ...tenant.published];
    vi.spyOn(crypto.subtle, "importKey").mockRejectedValueOnce(new DOMException("Invalid key", "DataError"));
    expect(await outcome(authorizer(), tenant.token())).toBe("allowed");
  });
});

describe("503 keys-unavailable, and nothing is believed, while a document", () => {
  const json =
    (body: unknown, status = 200, padding = "") =>
    (response: ServerResponse) => {
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body) + padding);
    };
  const metadata = (of: Tenant, changes: object) =>
    json({ issuer: of.issuers["2.0"], jwks_uri: of.jwksUri, ...changes });
  // Wherever it can be, the document is one that would do but for the one thing.
  test.each<[string, RegExp, (response: ServerResponse, of: Tenant) => void]>([
    ["cannot be reached", /./, (response) => response.socket?.destroy()],
    [
      "is an error",
      /keys$/,
      (response, { published }) => {
        json({ keys: published }, 500)(response);
      },
    ],
    ["is not JSON", /keys$/, (response) => response.writeHead(200).end("<html>")],
    [
      "is too large",
      /keys$/,
      (response, { published }) => {
        json({ keys: published }, 200, " ".repeat(300_000))(response);
      },
    ],
    [
      "sends somewhere else",
      /keys$/,
      (response, { jwksUri }) => response.writeHead(302, { Location: `${jwksUri}?elsewhere` }).end(),
    ],
    ["has no keys", /keys$/, json({ keys: [] })],
    ["has keys of another form", /keys$/, json({ keys: "all" })],
    ["has only keys that signed nothing here", /keys$/, json({ keys: [{ kty: "EC" }, null] })],
    [
      "is of another cloud",
      /v2\.0\/\.well/,
      (response, of) => {
        metadata(of, { cloud_instance_name: "microsoftonline.us" })(response);
      },
    ],
    [
      "of v1.0 is of another cloud",
      /01\/\.well/,
      (response, of) => {
        metadata(of, { issuer: of.issuers["1.0"], cloud_instance_name: "microsoftonline.us" })(response);
      },
    ],
    [
      "names another issuer",
      /v2\.0\/\.well/,
      (response, of) => {
        metadata(of, { issuer: "https://login.example/v2.0" })(response);
      },
    ],
    [
      "names the v1.0 issuer of another tenant",
      /01\/\.well/,
      (response, of) => {
        metadata(of, { issuer: "https://sts.windows.net/other/" })(response);
      },
    ],
    [
      "names a v1.0 issuer without https",
      /01\/\.well/,
      (response, of) => {
        metadata(of, { issuer: `http://sts.windows.net/${of.tenantId}/` })(response);
      },
    ],
  ])("%s", async (_, document, answer) => {
    tenant.answer = (url, response) => {
      if (!document.test(url)) return false;
      answer(response, tenant);
      return true;
    };
    const authorize = authorizer();
    const authorization = await ask(authorize, tenant.token());
    expect(authorization).toMatchObject({ allowed: false, code: "keys-unavailable" });
    expect(authorization.retryAfterSeconds).toBeGreaterThan(0);
    expect(failures).toHaveLength(1);

    tenant.answer = () => false;
    pass(30_000);
    expect(await outcome(authorize, tenant.token())).toBe("allowed");
  });

  test("names another issuer, and so do the keys", async () => {
    const issuer = "https://login.example/v2.0";
    tenant.published = [{ ...jwkOf(tenant.current), issuer }];
    tenant.answer = (url, response) => {
      if (!url.includes("v2.0/.well")) return false;
      metadata(tenant, { issuer })(response);
      return true;
    };
    expect(await outcome(authorizer(), tenant.token({ iss: issuer }))).toBe("keys-unavailable");
  });

  test("points to keys on another host, although they are there", async () => {
    const other = await Tenant.start();
    tenant.answer = (url, response) => {
      if (!url.includes("v2.0/.well")) return false;
      metadata(tenant, { jwks_uri: other.jwksUri })(response);
      return true;
    };
    expect(await outcome(authorizer(), tenant.token())).toBe("keys-unavailable");
    expect(other.requests.keys).toBe(0);
    other.stop();
  });

  test("is on another machine and not behind https", async () => {
    await expect(fetchTenantKeys("http://login.example", tenant.tenantId)).rejects.toThrow("https only");
  });
});

test.each(["microsoftonline.com", "microsoftonline.us"])(
  "takes keys from the cloud %s, which calls itself so",
  async (cloud) => {
    const authority = `https://login.${cloud}`;
    const real = fetch;
    // The tenant under the name of the cloud's authority.
    vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
      const response = await real(new Request(url).url.replace(authority, tenant.authority), init);
      const text = (await response.text()).replaceAll(tenant.authority, authority);
      return new Response(text.replaceAll(`"${tenant.cloud}"`, `"${cloud}"`));
    });
    const { issuers, keys } = await fetchTenantKeys(authority, tenant.tenantId);
    expect(issuers["2.0"]).toBe(`${authority}/${tenant.tenantId}/v2.0`);
    expect([...keys.keys()]).toEqual([tenant.current.kid]);
  },
);

test.each<[string, (response: ServerResponse) => void]>([
  ["its head", () => undefined],
  ["its body", (response) => response.writeHead(200).write('{"keys":[')],
])("a document is given up after 5 s where %s does not come", async (_, answer) => {
  const timeouts: [milliseconds: number, end: AbortController][] = [];
  vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => {
    const end = new AbortController();
    timeouts.push([milliseconds, end]);
    return end.signal;
  });
  let asked = 0;
  tenant.answer = (url, response) => {
    if (!url.endsWith("keys")) return false;
    answer(response);
    asked++;
    return true;
  };
  const refused = outcome(authorizer(), tenant.token());
  await vi.waitFor(() => {
    expect(asked).toBe(1);
  });
  expect(timeouts.map(([milliseconds]) => milliseconds)).toEqual([5000, 5000, 5000]);
  for (const [, end] of timeouts) end.abort();
  expect(await refused).toBe("keys-unavailable");
});

test("an outage of the tenant does not touch callers whose keys are known, for a day", async () => {
  const authorize = authorizer();
  expect(await outcome(authorize, longLived())).toBe("allowed");
  const down = (_: string, response: ServerResponse): boolean => response.socket?.destroy() !== undefined;
  tenant.answer = down;
  pass(23 * HOUR);
  expect(await outcome(authorize, longLived())).toBe("allowed");
  pass(HOUR);
  expect(await outcome(authorize, longLived())).toBe("keys-unavailable");
});

test("a default that is given as undefined is the default: a token by client secret is let in", async () => {
  const undefinedOptions = { minimumClientAuthentication: undefined, clockToleranceSeconds: undefined } as object;
  const authorize = authorizer(undefinedOptions);
  expect(await outcome(authorize, tenant.token({ azpacr: "1" }))).toBe("allowed");
  expect(await outcome(authorize, tenant.token({ azpacr: "0" }))).toBe("weak-client-authentication");
  expect(await outcome(authorize, tenant.token({ exp: Math.floor(Date.now() / 1000) - 30 }))).toBe("allowed");
});

test("ids in capital letters are those of the token", async () => {
  const authorize = authorizer({
    tenantId: tenant.tenantId.toUpperCase(),
    audiences: [tenant.apiClientId.toUpperCase()],
    allowedCallers: [tenant.callerId.toUpperCase()],
  });
  expect(await outcome(authorize, tenant.token())).toBe("allowed");
});

test("v1.0 and v2.0 tokens, and both audiences", async () => {
  const authorize = authorizer();
  const v1 = { ver: "1.0", iss: tenant.issuers["1.0"], azp: null, azpacr: null, appid: tenant.callerId, appidacr: "2" };
  expect(await outcome(authorize, tenant.token({ ...v1, aud: tenant.identifierUri }))).toBe("allowed");
  expect(await outcome(authorize, tenant.token({ ...v1, aud: tenant.apiClientId }))).toBe("allowed");
  expect(await outcome(authorize, tenant.token({ aud: tenant.identifierUri }))).toBe("allowed");
  expect(await outcome(authorize, tenant.token({ ...v1, iss: tenant.issuers["2.0"] }))).toBe("wrong-issuer");
});

describe("the audit event", () => {
  test("of a call that is let in says who, what and which trace, and nothing else", async () => {
    const issuedAt = Math.floor(Date.now() / 1000) - 100;
    const { event } = await ask(authorizer(), tenant.token({ uti: "token-1", iat: issuedAt }));
    expect(event).toEqual({
      event: "authorization",
      allowed: true,
      code: undefined,
      operation: "getRecord",
      requirement: "Records.Read",
      callerAppId: tenant.callerId,
      callerObjectId: "6f0c8f2e-1111-4000-8000-000000000004",
      tokenId: "token-1",
      tokenIssuedAt: issuedAt,
      traceParent: "00-trace",
    });
  });

  test("of a refused call names the rule, and the caller only where the token was good", async () => {
    const authorize = authorizer();
    const refused = await ask(authorize, tenant.token(), "Records.Manage");
    expect(refused.event).toMatchObject({ allowed: false, code: "role-missing", callerAppId: tenant.callerId });
    const forged = await ask(authorize, tenant.token({}, {}, await makeKey()));
    expect(forged.event).toMatchObject({ allowed: false, code: "bad-signature", callerAppId: undefined });
  });

  test("never holds the token", async () => {
    const token = tenant.token();
    const { event } = await ask(authorizer(), token);
    for (const part of token.split(".")) expect(JSON.stringify(event)).not.toContain(part);
  });
});

test("the caller that a handler gets cannot be changed", async () => {
  const authorization = await ask(authorizer(), tenant.token());
  expect(Object.isFrozen(authorization.caller)).toBe(true);
  expect(Object.isFrozen(authorization.caller?.roles)).toBe(true);
});

test("who sends what the tenant has not signed learns nothing of callers, roles or the service's own rule", async () => {
  const denied = "6f0c8f2e-9999-4000-8000-000000000009";
  const authorize = authorizer({ deniedCallers: [denied], customRule: () => "no" });
  const stranger = await makeKey();
  for (const claims of [{}, { azp: denied }, { azp: tenant.tenantId }, { roles: [] }, { roles: ["Records.Manage"] }]) {
    expect(await outcome(authorize, tenant.token(claims, {}, stranger))).toBe("bad-signature");
  }
  // A guess of audience or tenant it can test: see the threat model.
  expect(await outcome(authorize, tenant.token({ aud: denied }, {}, stranger))).toBe("wrong-audience");
});

describe("callers that are shut out", () => {
  test("are refused although they are listed and hold the role, also with a token seen before", async () => {
    const token = tenant.token();
    expect(await outcome(authorizer(), token)).toBe("allowed");
    const denying = authorizer({
      deniedCallers: ["6f0c8f2e-9999-4000-8000-000000000009", tenant.callerId.toUpperCase()],
    });
    expect(await outcome(denying, token)).toBe("caller-denied");
    expect(await outcome(authorizer({ allowedCallers: "any", deniedCallers: [tenant.callerId] }), token)).toBe(
      "caller-denied",
    );
  });

  test("are named in the audit event, with the rule", async () => {
    const { event } = await ask(authorizer({ deniedCallers: [tenant.callerId] }), tenant.token());
    expect(event).toMatchObject({ allowed: false, code: "caller-denied", callerAppId: tenant.callerId });
  });

  test("are no others", async () => {
    expect(await outcome(authorizer({ deniedCallers: [] }), tenant.token())).toBe("allowed");
    const other = "6f0c8f2e-9999-4000-8000-000000000009";
    expect(await outcome(authorizer({ deniedCallers: [other] }), tenant.token())).toBe("allowed");
  });
});

describe("a rule of the service's own", () => {
  const IDENTITY =
    "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/caller";
  const onlyThatIdentity: CustomRule = ({ xms_mirid }) =>
    xms_mirid === IDENTITY ? undefined : `xms_mirid is ${String(xms_mirid)}`;

  test("decides over any verified claim, at every call, also for a token seen before", async () => {
    let answer: string | undefined;
    const seen: unknown[] = [];
    const authorize = authorizer({
      customRule: (claims) => {
        seen.push(claims["xms_mirid"]);
        return answer;
      },
    });
    const token = tenant.token({ xms_mirid: IDENTITY });
    const verify = spyOnVerify();
    expect(await outcome(authorize, token)).toBe("allowed");
    answer = "no longer";
    expect(await outcome(authorize, token)).toBe("custom-rule");
    answer = undefined;
    expect(await outcome(authorize, token)).toBe("allowed");
    expect(verify).toHaveBeenCalledTimes(1);
    expect(seen).toEqual([IDENTITY, IDENTITY, IDENTITY]);
  });

  test("refuses with its reason in the audit event, bounded, and not in the answer", async () => {
    const authorize = authorizer({ customRule: onlyThatIdentity });
    expect(await outcome(authorize, tenant.token({ xms_mirid: IDENTITY }))).toBe("allowed");
    const refused = await ask(authorize, tenant.token({ xms_mirid: `/other${"/x".repeat(500)}` }));
    expect(refused).toMatchObject({ allowed: false, code: "custom-rule" });
    expect(refused.event).toMatchObject({ code: "custom-rule", callerAppId: tenant.callerId });
    expect(refused.event.reason).toMatch(/^xms_mirid is \/other/);
    expect(refused.event.reason).toHaveLength(200);
    expect(JSON.stringify(refusalProblem("custom-rule"))).not.toContain("mirid");
  });

  test("is not asked where another rule has refused", async () => {
    const customRule = vi.fn(() => undefined);
    const authorize = authorizer({ customRule });
    expect(await outcome(authorize, tenant.token({ exp: 1 }))).toBe("token-expired");
    expect(await outcome(authorize, tenant.token({}, {}, await makeKey()))).toBe("bad-signature");
    expect(await outcome(authorize, tenant.token(), "Records.Manage")).toBe("role-missing");
    expect(customRule).not.toHaveBeenCalled();
  });

  test.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("no directory");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no directory"))],
    ["answers true", () => true],
    ["answers false", () => false],
    ["answers null", () => null],
    ["answers an object", () => Promise.resolve({ allowed: true })],
  ])("that %s lets nobody in, and the next call is asked again", async (_, fails) => {
    let isBroken = true;
    const authorize = authorizer({ customRule: (() => (isBroken ? fails() : undefined)) as CustomRule });
    const token = tenant.token();
    const failed = await ask(authorize, token);
    expect(failed).toMatchObject({ allowed: false, code: "custom-rule-failed", event: { allowed: false } });
    expect(failed.failure).toBeInstanceOf(Error);
    isBroken = false;
    expect(await outcome(authorize, token)).toBe("allowed");
  });

  test("that never answers lets nobody in, and keeps no call", async () => {
    const authorize = authorizer({ customRule: () => new Promise(() => undefined) });
    await outcome(authorize, "x.y.z");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const pending = ask(authorize, tenant.token());
    const advanced = setInterval(() => vi.advanceTimersByTime(5_000), 10);
    const failed = await pending;
    clearInterval(advanced);
    expect(failed).toMatchObject({ allowed: false, code: "custom-rule-failed" });
    expect(String(failed.failure)).toContain("did not end within 5 s");
  });

  test("cannot change what later calls are decided by", async () => {
    const authorize = authorizer({
      customRule: (claims) => {
        (claims["roles"] as string[]).push("Records.Manage");
        (claims as Record<string, unknown>)["azp"] = "other";
        return undefined;
      },
    });
    const token = tenant.token();
    expect(await outcome(authorize, token)).toBe("allowed");
    expect(await outcome(authorize, token, "Records.Manage")).toBe("role-missing");
    expect(await ask(authorize, token)).toMatchObject({ caller: { appId: tenant.callerId } });
  });
});
