/** The errors of Entra ID that the local Entra returns, with their AADSTS numbers. */
import { randomUUID } from "node:crypto";
import type { Context } from "hono";

/**
 * The refusals of the token endpoint and of the metadata: AADSTS number, status, OAuth error code
 * (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
 */
export const refusals = {
  unknownTenant: [90002, 400, "invalid_tenant"],
  missingParameter: [900144, 400, "invalid_request"],
  unsupportedGrantType: [70003, 400, "unsupported_grant_type"],
  unknownClient: [700016, 400, "unauthorized_client"],
  credentialMissing: [7000216, 401, "invalid_client"],
  wrongSecret: [7000215, 401, "invalid_client"],
  invalidJwt: [50027, 401, "invalid_client"],
  assertionClient: [700021, 401, "invalid_client"],
  assertionAudience: [700023, 401, "invalid_client"],
  assertionTimes: [700024, 401, "invalid_client"],
  unknownCertificate: [700027, 401, "invalid_client"],
  federatedIssuer: [700211, 401, "invalid_client"],
  federatedAudience: [700212, 401, "invalid_client"],
  federatedSubject: [700213, 401, "invalid_client"],
  invalidScope: [70011, 400, "invalid_scope"],
  scopeWithoutDefault: [1002012, 400, "invalid_scope"],
  unknownResource: [500011, 400, "invalid_resource"],
  notAssigned: [501051, 400, "invalid_grant"],
  transient: [90033, 503, "temporarily_unavailable"],
} as const;

/** A refusal. `message` is "AADSTS<number>: <text>". */
export class EntraError extends Error {
  readonly code: number;
  readonly status: (typeof refusals)[keyof typeof refusals][1];
  readonly error: string;

  constructor(refusal: keyof typeof refusals, text: string) {
    const [code, status, error] = refusals[refusal];
    super(`AADSTS${code}: ${text}`);
    this.name = "EntraError";
    this.code = code;
    this.status = status;
    this.error = error;
  }
}

/** The response in Entra's form. `error_uri` is Microsoft's page on the number, which applies to this stand-in too. */
export function entraResponse(c: Context, { code, status, error, message }: EntraError): Response {
  const [traceId, correlationId] = [randomUUID(), randomUUID()];
  const timestamp = new Date()
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
  const body = {
    error,
    error_description: `${message} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
    error_codes: [code],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${code}`,
  };
  return c.json(body, status);
}
