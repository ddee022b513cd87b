import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type Authorization,
  type Authorize,
  type AuthorizerOptions,
  createAuthorizer,
} from "../authorization/index.ts";
import { jwkOf, makeKey, Tenant } from "./tenant.ts";

const HOUR = 3600_000;

let tenant: Tenant;
let failures: string[];

beforeEach(async () => {
  tenant = await Tenant.start();
  failures = [];
});
afterEach(() => {
  vi.useRealTimers();
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

async function ask(authorize: Authorize, token: string, role = "Inventory.Read"): Promise<Authorization> {
  const call = {
    authorization: `Bearer ${token}`,
    query: new URLSearchParams(),
    operation: "getStock",
    traceParent: "00-trace",
  };
  return authorize(call, role);
}

async function outcome(authorize: Authorize, token: string, role?: string): Promise<string> {
  const authorization = await ask(authorize, token, role);
  return authorization.allowed ? "allowed" : authorization.code;
}

function pass(milliseconds: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + milliseconds });
}

describe("a token seen before", () => {
  test("is not verified again, and who may call is still decided at every call", async () => {
    const authorize = authorizer();
    const verify = vi.spyOn(crypto.subtle, "verify");
    const token = tenant.token();
    expect(await outcome(authorize, token)).toBe("allowed");
    expect(await outcome(authorize, token, "Inventory.Reserve")).toBe("allowed");
    expect(await outcome(authorize, token, "Inventory.Manage")).toBe("role-missing");
    expect(verify).toHaveBeenCalledTimes(1);
    verify.mockRestore();
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
    const verify = vi.spyOn(crypto.subtle, "verify");
    pass(610_000);
    expect(await outcome(authorize, token)).toBe("allowed");
    expect(verify).toHaveBeenCalledTimes(1);
    verify.mockRestore();
  });

  test("is refused once its key has left the key set", async () => {
    const authorize = authorizer();
    const token = tenant.token({ exp: Math.floor(Date.now() / 1000) + 24 * 3600 });
    expect(await outcome(authorize, token)).toBe("allowed");
    tenant.published = [jwkOf(await makeKey())];
    pass(HOUR);
    await outcome(authorize, token); // the keys are fetched again in the background
    await vi.waitFor(async () => {
      expect(await outcome(authorize, token)).toBe("unknown-key");
    });
  });

  test("is refused once another key goes by the same id", async () => {
    const authorize = authorizer();
    const token = tenant.token({ exp: Math.floor(Date.now() / 1000) + 24 * 3600 });
    expect(await outcome(authorize, token)).toBe("allowed");
    tenant.published = [jwkOf({ ...(await makeKey()), kid: tenant.current.kid })];
    pass(HOUR);
    await outcome(authorize, token);
    await vi.waitFor(async () => {
      expect(await outcome(authorize, token)).toBe("bad-signature");
    });
  });

  test("is not remembered when it was refused", async () => {
    const authorize = authorizer();
    const verify = vi.spyOn(crypto.subtle, "verify");
    const token = tenant.token({ azp: "6f0c8f2e-9999-4000-8000-000000000009" });
    for (let call = 1; call <= 3; call++) {
      expect(await outcome(authorize, token)).toBe("caller-not-allowed");
      expect(verify).toHaveBeenCalledTimes(call);
    }
    verify.mockRestore();
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
    const verify = vi.spyOn(crypto.subtle, "verify");
    for (let other = 0; other < 400; other++) await outcome(authorize, tenant.token());
    await outcome(authorize, token);
    expect(verify).toHaveBeenCalledTimes(400);
    verify.mockRestore();
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
    const verify = vi.spyOn(crypto.subtle, "verify");
    expect(await outcome(authorize, tenant.token(claims))).toBe(code);
    expect(verify).not.toHaveBeenCalled();
    verify.mockRestore();
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

  test("that are no RSA signing keys of 2048 bits are as good as not published", async () => {
    const [weak, encryption] = await Promise.all([makeKey(1024), makeKey()]);
    const elliptic = { kty: "EC", crv: "P-256", kid: "ec", use: "sig", x: "AA", y: "AA" };
    const secret = { kty: "oct", kid: "oct", k: "AAAA" };
    tenant.published = [...tenant.published, jwkOf(weak), { ...jwkOf(encryption), use: "enc" }, elliptic, secret];
    const authorize = authorizer();
    expect(await outcome(authorize, tenant.token())).toBe("allowed");
    expect(await outcome(authorize, tenant.token({}, { kid: weak.kid }, weak))).toBe("unknown-key");
    expect(await outcome(authorize, tenant.token({}, { kid: encryption.kid }, encryption))).toBe("unknown-key");
    expect(await outcome(authorize, tenant.token({}, { kid: "ec" }))).toBe("unknown-key");
    expect(await outcome(authorize, tenant.token({}, { kid: "oct" }))).toBe("unknown-key");
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
    [
      "has too many keys",
      /keys$/,
      (response, { published }) => {
        json({ keys: Array.from({ length: 101 }, () => published[0]) })(response);
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
    const authorize = authorizer({ authority: "http://login.example" });
    expect(await outcome(authorize, tenant.token())).toBe("keys-unavailable");
    expect(failures.join()).toContain("https only");
  });
});

test("an outage of the tenant does not touch callers whose keys are known, for a day", async () => {
  const authorize = authorizer();
  const longLived = { exp: Math.floor(Date.now() / 1000) + 48 * 3600 };
  expect(await outcome(authorize, tenant.token(longLived))).toBe("allowed");
  tenant.answer = (_, response) => {
    response.socket?.destroy();
    return true;
  };
  pass(23 * HOUR);
  expect(await outcome(authorize, tenant.token(longLived))).toBe("allowed");
  pass(HOUR);
  expect(await outcome(authorize, tenant.token(longLived))).toBe("keys-unavailable");
});

test("a clock tolerance beyond its ceiling does not start", () => {
  for (const clockToleranceSeconds of [301, -1, NaN]) {
    expect(() => authorizer({ clockToleranceSeconds })).toThrow(/clockToleranceSeconds must be from 0 to 300/);
  }
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
    const { event } = await ask(authorizer(), tenant.token({ uti: "token-1" }));
    expect(event).toEqual({
      event: "authorization",
      allowed: true,
      code: undefined,
      operation: "getStock",
      requirement: "Inventory.Read",
      callerAppId: tenant.callerId,
      callerObjectId: "6f0c8f2e-1111-4000-8000-000000000004",
      tokenId: "token-1",
      traceParent: "00-trace",
    });
  });

  test("of a refused call names the rule, and the caller only where the token was good", async () => {
    const authorize = authorizer();
    const refused = await ask(authorize, tenant.token(), "Inventory.Manage");
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
