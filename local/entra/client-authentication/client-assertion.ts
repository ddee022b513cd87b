import { decodeJwt, decodeProtectedHeader, type JWTPayload, type ProtectedHeaderParameters } from "jose";
import { EntraError } from "../entra-error.ts";
import type { ClientCredentials } from "./client-authentication.ts";

/** A client's signed statement of who it is (RFC 7523), read and not yet believed. */
export interface ClientAssertion {
  readonly jwt: string;
  readonly header: ProtectedHeaderParameters;
  readonly claims: JWTPayload;
}

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** The assertion among a client's credentials, or undefined where there is none. Throws AADSTS50027 for one that is no JWT. */
export function clientAssertion({ assertion: jwt, assertionType }: ClientCredentials): ClientAssertion | undefined {
  if (jwt === undefined) return undefined;
  if (assertionType !== JWT_BEARER) {
    throw new EntraError("missingParameter", `'client_assertion_type' must be '${JWT_BEARER}'.`);
  }
  try {
    return { jwt, header: decodeProtectedHeader(jwt), claims: decodeJwt(jwt) };
  } catch {
    throw new EntraError("invalidJwt", "JWT token is invalid or malformed.");
  }
}

/** Seconds by which two clocks may differ. */
export const clockTolerance = 300;

/** Throws AADSTS700024 outside the assertion's lifetime, and for one without an end. */
export function requireLifetime({ claims: { nbf = 0, exp = 0 } }: ClientAssertion): void {
  const now = Date.now() / 1000;
  if (nbf <= now + clockTolerance && exp > now - clockTolerance) return;
  throw new EntraError("assertionTimes", "Client assertion is not within its valid time range.");
}
