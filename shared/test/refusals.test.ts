import { expect, test } from "vitest";
import { type RefusalCode, refusalCodes, refusalProblem } from "../authorization/refusals.ts";

test.each<[RefusalCode, number, RegExp]>([
  ["no-credentials", 401, /^Bearer$/],
  [
    "wrong-audience",
    401,
    /^Bearer error="invalid_token", error_description="The token was issued for another service\."$/,
  ],
  ["role-missing", 403, /^Bearer error="insufficient_scope", error_description="The token lacks the app role /],
])("%s is a %i with a challenge (RFC 6750, section 3)", (code, status, challenge) => {
  const { headers, ...problem } = refusalProblem(code);
  expect(problem).toMatchObject({ status, code });
  expect(headers).toEqual({ "WWW-Authenticate": expect.stringMatching(challenge) as string });
});

test("keys-unavailable says when to come again, and asks for no other token", () => {
  expect(refusalProblem("keys-unavailable", 7)).toMatchObject({ status: 503, headers: { "Retry-After": "7" } });
  expect(refusalProblem("keys-unavailable").headers).toEqual({ "Retry-After": "1" });
});

test("an error of the service has neither", () => {
  const { status, headers } = refusalProblem("custom-rule-failed");
  expect({ status, headers }).toEqual({ status: 500, headers: {} });
});

test.each(refusalCodes)("%s says in a sentence what is wrong", (code) => {
  expect(refusalProblem(code).detail).toMatch(/^[A-Z].+\.$/);
});
