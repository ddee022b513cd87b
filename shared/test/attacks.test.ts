import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAuthorizer } from "../authorization/index.ts";
import { refusalCodes, refusalProblem } from "../authorization/refusals.ts";
import { type AttackCredentials, attacks, type Forge } from "../testing/attacks.ts";
import { Tenant } from "../testing/tenant.ts";

let tenant: Tenant;
let forge: Forge;
let outcomeOf: (credentials: AttackCredentials) => Promise<string>;

beforeAll(async () => {
  tenant = await Tenant.start();
  forge = await tenant.forge();
  const authorize = createAuthorizer({
    authority: tenant.authority,
    tenantId: tenant.tenantId,
    audiences: [tenant.apiClientId, tenant.identifierUri],
    allowedCallers: [tenant.callerId],
    onKeyFailure: (error) => {
      throw error;
    },
  });
  outcomeOf = async ({ authorization, query }) => {
    const call = { authorization, query: new URLSearchParams(query), operation: "test", traceParent: undefined };
    const outcome = await authorize(call, "Records.Read");
    return outcome.allowed ? "allowed" : outcome.code;
  };
});
afterAll(() => {
  tenant.stop();
});

test("the token that every attack changes one thing about is a good one", async () => {
  expect(await outcomeOf({ authorization: `Bearer ${await forge.token()}` })).toBe("allowed");
  expect(await outcomeOf({ authorization: `Bearer ${await forge.text({})}` })).toBe("allowed");
});

test.each(attacks)("refuses: $name ($code)", async ({ credentials, code }) => {
  expect(await outcomeOf(await credentials(forge))).toBe(code);
  // A good token was seen in between; nothing of it is left for this one.
  expect(await outcomeOf({ authorization: `Bearer ${await forge.token()}` })).toBe("allowed");
  expect(await outcomeOf(await credentials(forge))).toBe(code);
});

test("the catalogue in the docs is this one", async () => {
  const rows = attacks.map(({ name, code }) => `| ${name} | ${refusalProblem(code).status} | \`${code}\` |`);
  const page = `# The attack catalogue

Each row is a call with one thing wrong, and everything else right. The tests make all of them, with really signed tokens.
This page is written by \`npm test -- shared/test/attacks.test.ts -u\`; the test fails where it does not agree.

| what is tried | status | code |
| --- | --- | --- |
${rows.join("\n")}
`;
  await expect(page).toMatchFileSnapshot("../../docs/attack-catalogue.md");
});

test("the guide names every code that there is, with its status", async () => {
  const guide = await readFile(new URL("../../docs/authorization.md", import.meta.url), "utf8");
  for (const code of refusalCodes)
    expect(guide).toMatch(new RegExp(`^\\| \`${code}\` +\\| ${refusalProblem(code).status}`, "m"));
  const caught = new Set(attacks.map(({ code }) => code));
  expect(refusalCodes.filter((code) => !caught.has(code))).toEqual([
    // Not the sender's doing, or by options that the services here do not set: see authorizer.test.ts.
    "caller-denied",
    "custom-rule",
    "custom-rule-failed",
    "keys-unavailable",
  ]);
});
