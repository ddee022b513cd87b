/** A problem document (RFC 9457). `code` is stable: clients, logs, tests and docs switch on it. */
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
