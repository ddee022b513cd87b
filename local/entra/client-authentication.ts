/** How a client of the token endpoint proves its identity: the credentials in its request, and the client secret. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { ClientAuthenticationClass } from "./access-token.ts";
import type { Identity } from "./directory.ts";
import { EntraError } from "./entra-error.ts";

/** The credentials in a token request. */
export interface ClientCredentials {
  readonly clientId: string | undefined;
  readonly secret: string | undefined;
  /** RFC 7523: a signed assertion instead of a secret, and its type. */
  readonly assertion: string | undefined;
  readonly assertionType: string | undefined;
}

/**
 * One way to authenticate a client: returns undefined for credentials of another kind, and throws an `EntraError` for wrong
 * credentials of its own kind.
 */
export type ClientAuthenticationMethod = (
  credentials: ClientCredentials,
  client: Identity,
) => ClientAuthenticationClass | undefined | Promise<ClientAuthenticationClass | undefined>;

/** Authenticates a client by the first method for its credentials. Throws AADSTS7000216 when there is none. */
export async function authenticateClient(
  methods: readonly ClientAuthenticationMethod[],
  credentials: ClientCredentials,
  client: Identity,
): Promise<ClientAuthenticationClass> {
  for (const method of methods) {
    const authenticated = await method(credentials, client);
    if (authenticated) return authenticated;
  }
  throw new EntraError(
    "credentialMissing",
    "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
  );
}

/**
 * Authentication by client secret. Refuses every secret of a client that has none registered.
 *
 * @param secrets the registered secrets, by identity name
 */
export function clientSecret(secrets: Readonly<Record<string, string>>): ClientAuthenticationMethod {
  return ({ secret }, client) => {
    if (secret === undefined) return undefined;
    const registered = secrets[client.name];
    if (registered !== undefined && timingSafeEqual(digest(secret), digest(registered))) return "1";
    throw new EntraError(
      "wrongSecret",
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${client.clientId}'.`,
    );
  };
}

function digest(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** The client's credentials, from the form or from HTTP Basic (RFC 6749, 2.3.1). An empty value counts as none. */
export function clientCredentials(form: URLSearchParams, authorization = ""): ClientCredentials {
  const basic = basicCredentials(authorization);
  return {
    clientId: given(form.get("client_id")) ?? given(basic.clientId),
    secret: given(form.get("client_secret")) ?? given(basic.secret),
    assertion: given(form.get("client_assertion")),
    assertionType: given(form.get("client_assertion_type")),
  };
}

const given = (value: string | null | undefined): string | undefined =>
  value === "" ? undefined : (value ?? undefined);

function basicCredentials(authorization: string): { clientId?: string; secret?: string } {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1] ?? "";
  const [, clientId = "", secret = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, "base64").toString("utf8")) ?? [];
  try {
    return { clientId: decodeURIComponent(clientId), secret: decodeURIComponent(secret) };
  } catch {
    return {}; // a lone percent sign: not encoded as the RFC asks
  }
}
