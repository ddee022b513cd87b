// Identifiers in routes.
import type { HttpRequest } from "@azure/functions";
import { IDENTIFIER_EXPECTED, isIdentifier } from "../identifier.ts";
import { ProblemError } from "../problem.ts";

/**
 * Reads an identifier from the request's route.
 *
 * @throws ProblemError 400 `invalid-identifier`.
 */
export function identifierParam(request: HttpRequest, name: string): string {
  const value = request.params[name];
  if (isIdentifier(value)) return value;
  throw new ProblemError({
    status: 400,
    code: "invalid-identifier",
    detail: `${name} in the path: ${IDENTIFIER_EXPECTED}.`,
  });
}
