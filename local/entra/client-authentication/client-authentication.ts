import type { ClientAuthenticationClass } from "../access-token.ts";
import type { Identity } from "../directory.ts";
import { EntraError } from "../entra-error.ts";

/** What a client says to prove who it is. */
export interface ClientCredentials {
  readonly clientId: string | undefined;
  readonly secret: string | undefined;
  /** RFC 7523: a signed statement instead of a secret, and its kind. */
  readonly assertion: string | undefined;
  readonly assertionType: string | undefined;
}

/**
 * One way for a client to authenticate: answers undefined when these credentials are not of its kind, and throws an
 * `EntraError` when they are but do not hold. A further way (certificate, federated credential) is a file beside
 * `client-secret.ts` and an entry in the list that the token endpoint is given.
 */
export type ClientAuthenticationMethod = (
  credentials: ClientCredentials,
  client: Identity,
) => ClientAuthenticationClass | undefined | Promise<ClientAuthenticationClass | undefined>;

/** Authenticates a client by the first method that fits. Throws AADSTS7000216 when none does. */
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
