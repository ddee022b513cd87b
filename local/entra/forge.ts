import type { Forge } from "../../shared/testing/attacks.ts";
import type { Endpoints } from "../system/endpoints.ts";
import { mintToken } from "../demo/once.ts";

/** Has the local Entra forge tokens for the attack catalogue. */
export function forgeOf({ api, entra, identities }: Endpoints): Forge {
  return {
    apiClientId: api.clientId,
    tenantId: entra.tenantId,
    callerId: identities["caller-func"]?.clientId ?? "",
    token: (changes = {}) => mintToken(entra.control, changes),
    text: (texts) => mintToken(entra.control, { texts }),
  };
}
