import { createHash, timingSafeEqual } from "node:crypto";
import { EntraError } from "../entra-error.ts";
import type { ClientAuthenticationMethod } from "./client-authentication.ts";

/** Authentication by client secret. `secrets` holds those registered, by identity name; who has none can only be wrong. */
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
