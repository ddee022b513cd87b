// Identifiers in routes and bodies.
import type { HttpRequest } from "@azure/functions";
import * as v from "valibot";
import { ProblemError } from "../problem.ts";

/** Order ids and SKUs: safe in Azure Table keys and in routes as they are. */
const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const EXPECTED = "expected 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit";

/** An identifier in a JSON body. */
export const identifier = v.pipe(v.string(EXPECTED), v.regex(IDENTIFIER, EXPECTED));

/**
 * Reads an identifier from the request's route.
 *
 * @throws ProblemError 400 `invalid-identifier`.
 */
export function identifierParam(request: HttpRequest, name: string): string {
  const value = request.params[name];
  if (value !== undefined && IDENTIFIER.test(value)) return value;
  throw new ProblemError({ status: 400, code: "invalid-identifier", detail: `${name} in the path: ${EXPECTED}.` });
}
