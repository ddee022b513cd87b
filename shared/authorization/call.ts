/** What the decision needs to know of a call. */
export interface Call {
  /** The `Authorization` header as the host hands it on, null where there is none. */
  readonly authorization: string | null;
  readonly query: URLSearchParams;
  /** What is called, and the W3C trace context: for the audit event. */
  readonly operation: string;
  readonly traceParent: string | undefined;
}
