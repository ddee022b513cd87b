/**
 * The outcome of a call, and how often it was sent. Failures between two services are outcomes, not exceptions.
 * `body` is the parsed JSON; else the text; undefined if the response is not UTF-8.
 */
export type ServiceOutcome = { readonly tries: number } & (
  | {
      readonly kind: "response";
      readonly status: number;
      readonly body: unknown;
      readonly refusedBy: RefusedBy;
      /** The code of a problem document, where the media type says that the body is one (RFC 9457). */
      readonly code?: string;
      /** The wait that the service asks for, in milliseconds. */
      readonly retryAfterMs?: number;
      /** What to do about a refusal. */
      readonly advice?: string;
    }
  /** Perhaps sent, but without a response that could be read. */
  | { readonly kind: "no-response"; readonly reason: string }
  /** No token, so nothing was sent. */
  | { readonly kind: "no-token"; readonly reason: string }
  /** Stopped on this side: the circuit is open, too many calls are under way, or the app aborted the call. */
  | { readonly kind: "held-back"; readonly reason: string }
);

/** Which layer refused a call: the service's front end by its access restrictions, or the service by the token. */
export type RefusedBy = "network" | "authorization" | undefined;
