/** Which identity an app calls with, and the access tokens it gets for it. */
export { chooseCredential, type CredentialChoice } from "./credential.ts";
export { managedIdentity } from "./managed-identity.ts";
export { createTokenSource, type NewCredential, type TokenSource, TokenTimeoutError } from "./token-source.ts";
