import { describe, expect, test } from "vitest";
import { readClaims } from "../authorization/claims.ts";
import { decide, type RoleRequirement, type TokenPolicy } from "../authorization/decide.ts";

const NOW = 1_800_000_000;
const TENANT = "6f0c8f2e-0000-4000-8000-000000000001";
const API = "6f0c8f2e-0000-4000-8000-000000000002";
const CALLER = "6f0c8f2e-0000-4000-8000-000000000003";

const policy: TokenPolicy = {
  tenantId: TENANT,
  issuers: { "1.0": `https://sts.windows.net/${TENANT}/`, "2.0": `https://login.microsoftonline.com/${TENANT}/v2.0` },
  audiences: [API, `api://${TENANT}/callee-func`],
  allowedCallers: [CALLER],
  deniedCallers: [],
  minimumClientAuthentication: "secret",
  clockToleranceSeconds: 60,
};

const common = {
  exp: NOW + 3600,
  nbf: NOW,
  iat: NOW,
  tid: TENANT,
  oid: "6f0c8f2e-0000-4000-8000-000000000004",
  sub: "6f0c8f2e-0000-4000-8000-000000000004",
  roles: ["Records.Read"],
  uti: "token-1",
};
const v2 = { ...common, ver: "2.0", iss: policy.issuers["2.0"], aud: API, azp: CALLER, azpacr: "2", idtyp: "app" };
const v1 = { ...common, ver: "1.0", iss: policy.issuers["1.0"], aud: `api://${TENANT}/callee-func`, appid: CALLER };

function outcome(
  payload: Record<string, unknown>,
  against = policy,
  now = NOW,
  requirement: RoleRequirement = "Records.Read",
): string {
  const claims = readClaims(payload);
  if (claims === undefined) return "malformed-token";
  const verdict = decide(claims, against, requirement, now);
  return verdict.allowed ? "allowed" : verdict.code;
}

/** The payload with some claims replaced; undefined takes a claim away. */
function but(payload: object, changes: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...payload, ...changes }).filter(([, value]) => value !== undefined));
}

describe("allows", () => {
  test.each([
    ["a v2.0 token", v2],
    ["a v1.0 token that names the App ID URI", v1],
    ["a v1.0 token that names the client id", { ...v1, aud: API }],
    ["a token without idtyp, which is an optional claim", but(v2, { idtyp: undefined })],
    ["a token without nbf", but(v2, { nbf: undefined })],
    ["a token within the clock tolerance after its end", { ...v2, nbf: NOW - 60, iat: NOW - 60, exp: NOW - 59 }],
    ["a token that lives as long as any of Entra's", { ...v2, exp: NOW + 28 * 3600 + 60 }],
    ["a token that begins when it ends", { ...v2, nbf: NOW + 10, exp: NOW + 10 }],
    ["a token that names the caller for both versions", { ...v2, appid: CALLER }],
    ["a token within the clock tolerance before its beginning", { ...v2, nbf: NOW + 60 }],
    ["a token by certificate or managed identity", { ...v2, azpacr: "2" }],
    ["a token by client secret", { ...v2, azpacr: "1" }],
    ["a token that does not say how the client authenticated", but(v2, { azpacr: undefined })],
    ["a token with further roles", { ...v2, roles: ["Other", "Records.Read"] }],
  ])("%s", (_, payload) => {
    expect(outcome(payload)).toBe("allowed");
  });

  test("tells the handler who calls, in an object that nobody can change, and never gives it the token", () => {
    const claims = readClaims(v2);
    const verdict = claims && decide(claims, policy, "Records.Read", NOW);
    const expected = {
      appId: CALLER,
      objectId: common.oid,
      tenantId: TENANT,
      roles: ["Records.Read"],
      tokenId: "token-1",
      tokenIssuedAt: v2.iat,
    };
    expect(verdict).toEqual({ allowed: true, caller: expected });
    expect(Object.isFrozen(verdict?.caller)).toBe(true);
    expect(Object.isFrozen(verdict?.caller?.roles)).toBe(true);
  });
});

describe("refuses, when only this is wrong:", () => {
  test.each([
    ["wrong-issuer", "another tenant's issuer", { iss: policy.issuers["2.0"].replace(TENANT, CALLER) }],
    ["wrong-issuer", "the v1.0 issuer in a v2.0 token", { iss: policy.issuers["1.0"] }],
    ["wrong-issuer", "the issuer without its path", { iss: "https://login.microsoftonline.com" }],
    ["wrong-issuer", "the issuer with a trailing slash", { iss: `${policy.issuers["2.0"]}/` }],
    ["wrong-issuer", "another tenant in tid", { tid: CALLER }],
    ["wrong-audience", "another audience", { aud: CALLER }],
    ["wrong-audience", "an audience that only begins like it", { aud: `${API}/x` }],
    ["wrong-audience", "an empty audience", { aud: "" }],
    ["token-expired", "an end beyond the clock tolerance", { exp: NOW - 60 }],
    ["token-not-yet-valid", "a beginning beyond the clock tolerance", { nbf: NOW + 61 }],
    ["not-app-only", "a delegated scope", { scp: "user_impersonation" }],
    ["not-app-only", "an empty delegated scope", { scp: "" }],
    ["not-app-only", "a user's token type", { idtyp: "user" }],
    ["not-app-only", "neither idtyp nor the service principal as subject", { idtyp: undefined, sub: "user" }],
    ["not-app-only", "an unknown token type", { idtyp: "device" }],
    ["token-not-yet-valid", "an issue date beyond the clock tolerance", { iat: NOW + 61 }],
    ["weak-client-authentication", "a public client", { azpacr: "0" }],
    ["weak-client-authentication", "a strength that nobody knows", { azpacr: "3" }],
    ["caller-not-allowed", "a caller that is not listed", { azp: API }],
    ["token-lifetime-too-long", "an end beyond any token's, and the clock tolerance", { exp: NOW + 28 * 3600 + 61 }],
    ["key-bound-token", "a proof of a key that nobody asks for", { cnf: { jkt: "thumbprint" } }],
    ["key-bound-token", "a proof of nothing", { cnf: null }],
    ["role-missing", "another role", { roles: ["Records.Write"] }],
    ["role-missing", "no role", { roles: [] }],
    ["role-missing", "no roles claim", { roles: undefined }],
    ["role-missing", "the role in other letters", { roles: ["records.read"] }],
    ["malformed-token", "no audience", { aud: undefined }],
    ["malformed-token", "several audiences", { aud: [API] }],
    ["malformed-token", "no issuer", { iss: undefined }],
    ["malformed-token", "no end", { exp: undefined }],
    ["malformed-token", "an end as text", { exp: String(NOW + 3600) }],
    ["malformed-token", "a beginning as text", { nbf: String(NOW) }],
    ["malformed-token", "an end that is no number that JSON knows", { exp: Infinity }],
    ["malformed-token", "an end before 1970", { exp: -1 }],
    ["malformed-token", "a beginning after the end", { nbf: NOW + 2, exp: NOW + 1 }],
    ["malformed-token", "an issue date after the end", { iat: NOW + 2, exp: NOW + 1 }],
    ["token-expired", "a beginning after an end that is over", { nbf: NOW, exp: NOW - 60 }],
    ["token-not-yet-valid", "a beginning in the future, after the end", { nbf: NOW + 61, exp: NOW + 1 }],
    ["malformed-token", "no caller", { azp: undefined }],
    ["malformed-token", "an empty caller", { azp: "" }],
    ["malformed-token", "a caller that is no text", { azp: [CALLER] }],
    ["malformed-token", "the caller in the claim of the other version", { azp: undefined, appid: CALLER }],
    ["malformed-token", "another caller in the claim of the other version", { appid: API }],
    ["malformed-token", "a caller of the other version that is no text", { appid: null }],
    ["malformed-token", "a strength that is no text", { azpacr: 2 }],
    ["malformed-token", "no subject", { sub: undefined }],
    ["malformed-token", "no object id", { oid: undefined }],
    ["malformed-token", "no tenant", { tid: undefined }],
    ["malformed-token", "an unknown version", { ver: "3.0" }],
    ["malformed-token", "no version", { ver: undefined }],
    ["malformed-token", "roles as text", { roles: "Records.Read" }],
  ])("%s: %s", (code, _, changes) => {
    expect(outcome(but(v2, changes))).toBe(code);
  });

  test("malformed-token: a v1.0 token with the caller, or another one, in azp", () => {
    expect(outcome({ ...v1, azp: CALLER })).toBe("allowed");
    expect(outcome({ ...v1, azp: API })).toBe("malformed-token");
    expect(outcome(but(v1, { appid: undefined, azp: CALLER }))).toBe("malformed-token");
  });

  test("caller-denied: a caller that is shut out, in whatever letters the token has it", () => {
    const denying = { ...policy, allowedCallers: "any", deniedCallers: [CALLER] } as const;
    for (const azp of [CALLER, CALLER.toUpperCase()]) expect(outcome({ ...v2, azp }, denying)).toBe("caller-denied");
  });

  test("caller-not-allowed: everyone, where the list is empty", () => {
    expect(outcome(v2, { ...policy, allowedCallers: [] })).toBe("caller-not-allowed");
  });

  test("weak-client-authentication: a secret, where certificates are asked for, or a token that does not say", () => {
    const certificates = { ...policy, minimumClientAuthentication: "certificate" } as const;
    expect(outcome(v2, certificates)).toBe("allowed");
    expect(outcome({ ...v2, azpacr: "1" }, certificates)).toBe("weak-client-authentication");
    expect(outcome(but(v2, { azpacr: undefined }), certificates)).toBe("weak-client-authentication");
    expect(outcome({ ...v1, appidacr: "2" }, certificates)).toBe("allowed");
    expect(outcome({ ...v1, azpacr: "2", appidacr: "1" }, certificates)).toBe("weak-client-authentication");
  });

  test("names a refused caller only when the token itself was good", () => {
    const verdictOn = (changes: object) => {
      const claims = readClaims(but(v2, changes));
      return claims && decide(claims, policy, "Records.Manage", NOW);
    };
    expect(verdictOn({})?.caller?.appId).toBe(CALLER);
    expect(verdictOn({ aud: "other" })?.caller).toBeUndefined();
  });
});

describe("each way of restricting callers can stand alone", () => {
  const NONE = "6f0c8f2e-0000-4000-8000-0000000000ff";
  const anyCaller = { ...policy, allowedCallers: "any" } as const;

  test("any caller: is still one that the token names", () => {
    for (const azp of [undefined, "", null]) expect(outcome(but(v2, { azp }), anyCaller)).toBe("malformed-token");
    expect(outcome(but(v1, { appid: undefined }), anyCaller)).toBe("malformed-token");
  });

  test("roles only: any caller with the role, and none without", () => {
    expect(outcome({ ...v2, azp: NONE }, anyCaller)).toBe("allowed");
    expect(outcome({ ...v2, azp: NONE, roles: [] }, anyCaller)).toBe("role-missing");
  });

  test("the list only, or assignment only: a role-less token is admitted by explicit choice", () => {
    const assigned = { assignmentOnly: true } as const;
    expect(outcome(but(v2, { roles: undefined }), policy, NOW, assigned)).toBe("allowed");
    expect(outcome({ ...v2, azp: NONE }, policy, NOW, assigned)).toBe("caller-not-allowed");
    expect(outcome({ ...v2, azp: NONE }, anyCaller, NOW, assigned)).toBe("allowed");
  });
});

describe("asks for one role, any of several, or all of several", () => {
  const [A, B, C] = ["Records.Read", "Records.Write", "Records.Manage"] as const;
  test.each<[string, RoleRequirement, string[], boolean]>([
    ["one", A, [A], true],
    ["one, and another is held", A, [B], false],
    ["any, and one is held", { anyOf: [A, B] }, [B], true],
    ["any, and none is held", { anyOf: [A, B] }, [C], false],
    ["all, and all are held", { allOf: [A, B] }, [C, B, A], true],
    ["all, and one is lacking", { allOf: [A, B] }, [A, C], false],
    ["any of none, which the types forbid", { anyOf: [] as never }, [A], false],
    ["all of none, which the types forbid", { allOf: [] as never }, [A], false],
    ["assignment by a word, which the types forbid", { assignmentOnly: "false" as never }, [A], false],
  ])("%s", (_, requirement, roles, isAllowed) => {
    expect(outcome({ ...v2, roles }, policy, NOW, requirement)).toBe(isAllowed ? "allowed" : "role-missing");
  });
});
