// Reads and validates JSON bodies.
import type { HttpRequest } from "@azure/functions";
import * as v from "valibot";
import { ProblemError } from "../problem.ts";

/** The largest JSON body by default, in bytes; a larger one gets a 413. */
export const MAX_BODY_BYTES = 64 * 1024;

/** The most characters of a member's name or value that a problem repeats. */
const MAX_ECHO_LENGTH = 64;

/**
 * Reads a JSON body and checks its shape.
 *
 * @param maxBytes the host has a limit of its own, 100 MB or `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT`
 * @throws ProblemError 413 `body-too-large`; 400 `invalid-body`, naming each member that is wrong.
 */
export async function readJsonBody<Schema extends v.GenericSchema>(
  request: HttpRequest,
  schema: Schema,
  maxBytes = MAX_BODY_BYTES,
): Promise<v.InferOutput<Schema>> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const bytes = await request.arrayBuffer();
  // Refuses also where the limit is NaN.
  if (!(bytes.byteLength <= maxBytes)) throw tooLarge(maxBytes);
  const result = v.safeParse(schema, parseJson(bytes));
  if (!result.success) throw invalidBody(result.issues.map(describe).join("; "));
  return result.output;
}

function parseJson(bytes: ArrayBuffer): unknown {
  if (bytes.byteLength === 0) {
    // The Functions host passes a chunked body on as an empty one.
    throw invalidBody("the body is empty; send JSON with a Content-Length (a chunked body arrives empty)");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw invalidBody("the body is not JSON in UTF-8");
  }
}

/** A schema's message repeats the value, which may be as long as the body. */
function describe(issue: v.BaseIssue<unknown>): string {
  const member = v.getDotPath(issue);
  const { received } = issue;
  const message = received === "" ? issue.message : issue.message.replaceAll(received, () => shortened(received));
  return member === null ? message : `${shortened(member)}: ${message}`;
}

function shortened(text: string): string {
  return text.length > MAX_ECHO_LENGTH ? `${text.slice(0, MAX_ECHO_LENGTH)}...` : text;
}

function invalidBody(detail: string): ProblemError {
  return new ProblemError({ status: 400, code: "invalid-body", detail });
}

function tooLarge(maxBytes: number): ProblemError {
  return new ProblemError({
    status: 413,
    code: "body-too-large",
    detail: `A body has at most ${maxBytes} bytes.`,
  });
}
