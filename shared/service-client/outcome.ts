/**
 * What became of a call, after how many times it was sent. Nothing that can go wrong between two services is thrown.
 * `body` is what JSON stood for; else the text; undefined where the answer is not UTF-8.
 */
export type ServiceOutcome = { readonly tries: number } & (
  | {
      readonly kind: "response";
      readonly status: number;
      readonly body: unknown;
      readonly refusedBy: RefusedBy;
      /** How long the service asks to be left alone, in milliseconds. */
      readonly retryAfterMs?: number;
      /** What to do about a refusal. */
      readonly advice?: string;
    }
  /** Sent, perhaps, but not answered, or by nothing that could be read. */
  | { readonly kind: "no-response"; readonly reason: string }
  /** No token, so nothing was sent. */
  | { readonly kind: "no-token"; readonly reason: string }
  /** Not gone through with on this side: the circuit is open, too many calls are under way, or the caller broke it off. */
  | { readonly kind: "held-back"; readonly reason: string }
);

/** Which layer refused a call: the service's front end by its access restrictions, or the service by the token. */
export type RefusedBy = "network" | "authorization" | undefined;
