import { STATUS_CODES } from "node:http";
import type { HttpResponseInit } from "@azure/functions";

/** What a problem document says. `code` is stable: clients, logs, tests and docs switch on it. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  /** For a person: what was expected, what was found, what to do. Never holds a token, a secret or a key. */
  readonly detail: string;
  /** Response headers that belong to this problem, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Extension members of the document (RFC 9457, section 3.2). */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Thrown by business code to end a request with a problem document. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.problem = problem;
  }
}

/** An `application/problem+json` answer (RFC 9457; without a `type` the title is the status phrase, section 4.2.1). */
export function problemResponse({ status, code, detail, headers, extensions }: Problem): HttpResponseInit {
  return {
    status,
    headers: { ...headers, "Content-Type": "application/problem+json", "Cache-Control": "no-store" },
    body: JSON.stringify({ ...extensions, title: STATUS_CODES[status], status, detail, code }),
  };
}
