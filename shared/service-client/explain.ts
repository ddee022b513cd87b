// The cause and the remedy of a failed call, in words. No setting is named: settings can have other names.

/**
 * The cause of a failure and its fix, for a message's reason and the log.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const tokenFailures: readonly (readonly [RegExp, string])[] = [
  [/AADSTS(501051|50105)\b/, "this app is assigned no role of the service, which requires assignment: assign it one"],
  [/AADSTS7000215\b/, "the client secret is wrong: the app needs the secret's value, not its id"],
  [/AADSTS7000222\b/, "the client secret has expired: make a new one, and give it to the app"],
  [/AADSTS700027\b/, "the app registration does not know this certificate: upload its public part there"],
  [
    /AADSTS7002(1|11|12|13|14)\d?\b/,
    "no federated credential of the app registration names this managed identity as issuer, subject and audience",
  ],
  [/AADSTS700016\b/, "the tenant knows no such app: correct the client id of the app registration, or the tenant's id"],
  [/AADSTS500011\b/, "the tenant knows no such service: its scope is its App ID URI followed by /.default"],
  [/AADSTS500014\b/, "the service's service principal is disabled in the tenant: an administrator has to enable it"],
  [/AADSTS7000112\b/, "this app's service principal is disabled in the tenant: an administrator has to enable it"],
  [/AADSTS90002\b/, "there is no such tenant: correct the tenant's id, or the authority"],
  [
    /No User Assigned or Delegated Managed Identity found|Unable to load the proper Managed Identity/,
    "this app has no such managed identity: assign it to the app, or correct its client id",
  ],
  [
    // App Service gives no other text, whatever Entra's reason is.
    /error occurr?ed while fetching the AAD Token/,
    "Entra refused the managed identity: most likely it is assigned no role of the service, which requires assignment",
  ],
];

/** The most characters of an error's text that are repeated. */
const MAX_TEXT_LENGTH = 1_000;

/** The cause and the remedy of a failure to get a token, with Entra's own words after it, on one line. */
export function explainTokenFailure(error: unknown): string {
  const text = error instanceof Error ? error.message : typeof error === "string" ? error : "the credential failed";
  const words = text.replace(/\s+/g, " ").trim().slice(0, MAX_TEXT_LENGTH);
  const explanation = tokenFailures.find(([pattern]) => pattern.test(words))?.[1];
  return explanation === undefined ? words : `${explanation} (${words})`;
}

/** The advice if a service calls a token invalid and there is no other one. */
export const SAME_TOKEN =
  "asked for a newer token, the same one came back: a managed identity's token is cached by the platform for up to 24 hours";

/** What to do about a refusal by the service; undefined if its own text says enough. */
export function explainRefusal(code: string | undefined): string | undefined {
  if (code === "role-missing") {
    return (
      "grant this app the role. A role granted after its first token shows in the next one: with a managed identity within " +
      "24 hours, else within 90 minutes"
    );
  }
  if (code === "caller-denied")
    return "the service's list of denied callers names this app: ask the operator of the service";
  if (code === "caller-not-allowed") return "put this app's client id on the service's list of allowed callers";
  return undefined;
}
