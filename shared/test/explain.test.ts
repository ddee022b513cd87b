import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { refusalCodes } from "../authorization/index.ts";
import { explainRefusal, explainTokenFailure, tokenFailures } from "../service-client/explain.ts";

const notAssigned = "this app is assigned no role of the service, which requires assignment: assign it one";
const noFederation =
  "no federated credential of the app registration names this managed identity as issuer, subject and audience";
const noService = "the tenant knows no such service: its scope is its App ID URI followed by /.default";
const noIdentity = "this app has no such managed identity: assign it to the app, or correct its client id";
const refused =
  "Entra refused the managed identity: most likely it is assigned no role of the service, which requires assignment";

test.each([
  ["AADSTS501051: x", notAssigned],
  ["AADSTS50105: x", notAssigned],
  ["AADSTS7000215: x", "the client secret is wrong: the app needs the secret's value, not its id"],
  ["AADSTS7000222: x", "the client secret has expired: make a new one, and give it to the app"],
  ["AADSTS700027: x", "the app registration does not know this certificate: upload its public part there"],
  ["AADSTS70021: x", noFederation],
  ["AADSTS700211: x", noFederation],
  ["AADSTS700213: x", noFederation],
  ["AADSTS7002121: x", noFederation],
  [
    "AADSTS700016: x",
    "the tenant knows no such app: correct the client id of the app registration, or the tenant's id",
  ],
  ["AADSTS500011: x", noService],
  ["AADSTS500014: x", "the service's service principal is disabled in the tenant: an administrator has to enable it"],
  ["AADSTS7000112: x", "this app's service principal is disabled in the tenant: an administrator has to enable it"],
  ["AADSTS90002: x", "there is no such tenant: correct the tenant's id, or the authority"],
  ["No User Assigned or Delegated Managed Identity found for specified ClientId", noIdentity],
  ["Unable to load the proper Managed Identity.", noIdentity],
  ["An unexpected error occured while fetching the AAD Token.", refused],
  ["An unexpected error occurred while fetching the AAD Token.", refused],
])("%s: the cause comes first, then Entra's own words", (words, cause) => {
  expect(explainTokenFailure(new Error(words))).toBe(`${cause} (${words})`);
});

test.each([
  ["a code of which nothing is known", new Error("AADSTS1000: x"), "AADSTS1000: x"],
  ["a longer code that begins like a known one", new Error("AADSTS900021: x"), "AADSTS900021: x"],
  ["lines and ends of blanks", new Error("\n Entra is down \r\n\t again\n"), "Entra is down again"],
  ["a text in place of an error", "no credential", "no credential"],
  ["anything else", { message: "x" }, "the credential failed"],
  ["more than 1,000 characters", new Error(` ${"x".repeat(1_001)}`), "x".repeat(1_000)],
])("%s: the words on one line, and no more", (_, error, words) => {
  expect(explainTokenFailure(error)).toBe(words);
});

test.each([
  [
    "role-missing",
    "grant this app the role. A role granted after its first token shows in the next one: with a managed identity within 24 hours, else within 90 minutes",
  ],
  ["caller-denied", "the service's list of denied callers names this app: ask the operator of the service"],
  ["caller-not-allowed", "put this app's client id on the service's list of allowed callers"],
  ["token-expired", undefined],
  [undefined, undefined],
])("a refusal of %s: what to do about it", (code, advice) => {
  expect(explainRefusal(code)).toBe(advice);
});

test("no setting is named, because settings can have other names", () => {
  const advice = [...tokenFailures.map(([, text]) => text), ...refusalCodes.map((code) => explainRefusal(code) ?? "")];
  expect(advice.filter((text) => /[A-Z]+_[A-Z]+/.test(text))).toEqual([]);
});

test("docs/troubleshooting.md has a row for every number of Entra that is explained", () => {
  const page = readFileSync(new URL("../../docs/troubleshooting.md", import.meta.url), "utf8");
  const rows = page.match(/^\| AADSTS.*?\|/gm) ?? [];
  const numbers = rows.flatMap((row) => row.match(/AADSTS\d+/g) ?? []);
  const isExplained = ([pattern]: readonly [RegExp, string]): boolean => numbers.some((number) => pattern.test(number));
  const withNumber = tokenFailures.filter(([pattern]) => pattern.source.startsWith("AADSTS"));
  expect(withNumber.length).toBeGreaterThan(4);
  expect(withNumber.filter((failure) => !isExplained(failure))).toEqual([]);
});
