import { createHash, type KeyObject } from "node:crypto";
import type { TenantKey } from "../testing/tenant.ts";

/** What the oracle knows: it shares no code with what it judges, and is as naive as the rules can be written. */
export interface Rules {
  readonly keys: readonly TenantKey[];
  readonly issuers: { readonly "1.0": string; readonly "2.0": string };
  readonly audiences: readonly string[];
  readonly tenantId: string;
  readonly callers: readonly string[];
  readonly role: string;
}

/** Whether a token is to be accepted. */
export function shouldAccept(token: string, rules: Rules): boolean {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) || token.length > 16384) return false;
  const [first = "", second = "", third = ""] = token.split(".");
  for (const part of [first, second, third]) if (!isCanonical(part)) return false;

  const header = readStrictly(Buffer.from(first, "base64url"));
  const claims = readStrictly(Buffer.from(second, "base64url"));
  if (!header || !claims) return false;

  if (header.get("alg") !== "RS256" || header.get("typ") !== "JWT") return false;
  for (const name of ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"]) if (header.has(name)) return false;
  const key = rules.keys.find(({ kid }) => kid === header.get("kid"));
  if (!key || !isSigned(key.publicKey, `${first}.${second}`, Buffer.from(third, "base64url"))) return false;

  const now = Date.now() / 1000;
  const is = (name: string, type: string): boolean => typeof claims.get(name) === type;
  const absentOr = (name: string, type: string): boolean => !claims.has(name) || is(name, type);
  for (const part of [header, claims]) {
    const names = [...part.keys()].map((name) => name.toLowerCase().toUpperCase());
    if (names.some((name, index) => names.indexOf(name) !== index)) return false;
  }
  if (claims.has("cnf")) return false;
  for (const name of ["aud", "iss", "tid", "oid", "sub"]) if (!is(name, "string")) return false;
  for (const name of ["idtyp", "uti"]) if (!absentOr(name, "string")) return false;
  for (const name of ["nbf", "iat"]) if (!absentOr(name, "number")) return false;
  for (const name of ["exp", "nbf", "iat"]) if (Number(claims.get(name) ?? 0) < 0) return false;
  if (!is("exp", "number") || !Number.isFinite(claims.get("exp"))) return false;

  const version = claims.get("ver");
  if (version !== "1.0" && version !== "2.0") return false;
  if (claims.get("iss") !== rules.issuers[version] || claims.get("tid") !== rules.tenantId) return false;
  if (!rules.audiences.includes(String(claims.get("aud")))) return false;
  if (Number(claims.get("exp")) + 60 <= now || Number(claims.get("exp")) - 60 > now + 28 * 3600) return false;
  for (const name of ["nbf", "iat"]) if (Number(claims.get(name) ?? 0) > Number(claims.get("exp"))) return false;
  if (Number(claims.get("nbf") ?? 0) - 60 > now || Number(claims.get("iat") ?? 0) - 60 > now) return false;

  if (claims.has("scp")) return false;
  if (claims.has("idtyp") ? claims.get("idtyp") !== "app" : claims.get("sub") !== claims.get("oid")) return false;
  const strength = version === "1.0" ? "appidacr" : "azpacr";
  if (claims.has(strength) && !["1", "2"].includes(claims.get(strength) as string)) return false;
  if (!rules.callers.includes(claims.get(version === "1.0" ? "appid" : "azp") as string)) return false;
  if (claims.has("azp") && claims.has("appid") && claims.get("azp") !== claims.get("appid")) return false;
  const roles = claims.get("roles");
  return Array.isArray(roles) && roles.every((role) => typeof role === "string") && roles.includes(rules.role);
}

/** RFC 8017, section 8.2.2, with whole numbers. */
function isSigned(publicKey: KeyObject, signed: string, signature: Buffer): boolean {
  const { n = "", e = "" } = publicKey.export({ format: "jwk" });
  const [modulus, exponent, value] = [Buffer.from(n, "base64url"), Buffer.from(e, "base64url"), signature].map(
    (bytes) => BigInt(`0x0${bytes.toString("hex")}`),
  ) as [bigint, bigint, bigint];
  const { length } = Buffer.from(n, "base64url");
  return signature.length === length && value < modulus && power(value, exponent, modulus) === encoded(signed, length);
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  if (exponent === 0n) return 1n;
  const half = power(base, exponent / 2n, modulus);
  return (half * half * (exponent % 2n === 1n ? base : 1n)) % modulus;
}

/** RFC 8017, section 9.2: EMSA-PKCS1-v1_5 with SHA-256. */
function encoded(signed: string, length: number): bigint {
  const digestInfo = `3031300d060960864801650304020105000420${createHash("sha256").update(signed).digest("hex")}`;
  return BigInt(`0x01${"ff".repeat(length - 3 - digestInfo.length / 2)}00${digestInfo}`);
}

function isCanonical(part: string): boolean {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(part.slice(-1));
  if (part.length % 4 === 1) return false;
  if (part.length % 4 === 2) return last % 16 === 0;
  return part.length % 4 === 3 ? last % 4 === 0 : true;
}

/** A JSON object without duplicate members at any depth, and at most eight deep; else undefined. */
function readStrictly(bytes: Buffer): ReadonlyMap<string, unknown> | undefined {
  const text = bytes.toString("utf8");
  if (!Buffer.from(text).equals(bytes)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  if (hasDuplicates(text) || depthOf(value) > 8) return undefined;
  return new Map(Object.entries(value));
}

/** Goes through valid JSON character by character, with the names seen so far in each object that is open. */
function hasDuplicates(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(undefined);
    else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      const from = at++;
      while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
      if (!/^\s*:/.test(text.slice(at + 1))) continue;
      const name = JSON.parse(text.slice(from, at + 1)) as string;
      if (open.at(-1)?.has(name) === true) return true;
      open.at(-1)?.add(name);
    }
  }
  return false;
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
