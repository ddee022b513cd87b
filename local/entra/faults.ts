/** The endpoints whose requests are counted and which can be made to fail. */
export const endpoints = ["keys", "metadata", "token", "managed-identity"] as const;
export type Endpoint = (typeof endpoints)[number];

/**
 * How an endpoint fails: no answer at all; an answer 30 seconds late; its own form of a failure; a success whose body is not
 * what was promised, as from a captive proxy; or not at all.
 */
export const faultModes = ["down", "slow", "error", "garbage", "ok"] as const;
export type FaultMode = (typeof faultModes)[number];

/** Which endpoint fails how, and how many requests each has had. */
export class Faults {
  readonly #modes = new Map<Endpoint, FaultMode>();
  readonly #requests: Record<Endpoint, number> = { keys: 0, metadata: 0, token: 0, "managed-identity": 0 };

  set(endpoint: Endpoint, mode: FaultMode): void {
    this.#modes.set(endpoint, mode);
  }

  /** Counts a request and says how it is to fail. */
  arrived(endpoint: Endpoint): FaultMode {
    this.#requests[endpoint] += 1;
    return this.#modes.get(endpoint) ?? "ok";
  }

  get requests(): Readonly<Record<Endpoint, number>> {
    return { ...this.#requests };
  }
}
