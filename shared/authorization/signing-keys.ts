// The tenant's signing keys: when they are fetched, and how long they stay in use.
import type { PublishedKey, TenantKeys } from "./tenant-metadata.ts";

/** The shortest time between two attempts to fetch the keys: forged key ids cause no more requests to Entra. */
const COOLDOWN_SECONDS = 30;

/** Until the first keys are known, every call is refused: the wait starts with this, and doubles up to the cooldown. */
const FIRST_RETRY_SECONDS = 1;

/** Older keys are used only if a fetch has failed since. */
const FRESH_FOR_SECONDS = 3600;

/** How long a failed fetch counts: two cooldowns, so that with calls the next attempt has ended before. */
const FAILURE_COUNTS_FOR_SECONDS = 60;

/** During an outage the known keys stay in use for this long after the last successful fetch. */
const USABLE_FOR_SECONDS = 24 * 3600;

/** How many callers with an unknown key id may wait for the tenant: a quarter of the calls that the host takes (`host.json`). */
const MAX_WAITING = 50;

/** The refusal while there are no usable keys. */
export interface KeysUnavailable {
  readonly code: "keys-unavailable";
  readonly retryAfterSeconds: number;
}

/** Why there is no key for a key id. */
export type KeyMissing = { readonly code: "unknown-key" } | KeysUnavailable;

interface KnownKeys extends TenantKeys {
  readonly fetchedAt: number;
}

/**
 * The tenant's signing keys. They are fetched at the start, for an unknown key id (at most once per cooldown, once for all
 * that wait), and every hour. A new key is accepted one cooldown after its publication at the latest. A withdrawn key is
 * refused after an hour at the latest: calls then wait for the fetch. Only if the fetch fails do the known keys stay in
 * use, for a day at the longest.
 */
export class SigningKeys {
  readonly #fetchKeys: () => Promise<TenantKeys>;
  readonly #now: () => number;
  readonly #onFailure: (error: unknown) => unknown;
  #known: KnownKeys | undefined;
  #nextAttempt = -Infinity;
  #lastFailure = -Infinity;
  /** Since the last success. */
  #failures = 0;
  #waiting = 0;
  #underway: Promise<void> | undefined;

  /**
   * @param fetchKeys fetches what the tenant publishes
   * @param now seconds of a monotonic clock: after a system clock is set back, no keys would be fetched for that long
   * @param onFailure told why the keys could not be fetched; what it throws is dropped
   */
  constructor(fetchKeys: () => Promise<TenantKeys>, now: () => number, onFailure: (error: unknown) => unknown) {
    this.#fetchKeys = fetchKeys;
    this.#now = now;
    this.#onFailure = onFailure;
  }

  /** Starts the first fetch, so that the first call waits less. */
  start(): void {
    void this.#refresh();
  }

  /** The published keys if they are fresh enough to decide at once; else `load` fetches them. */
  current(): TenantKeys | undefined {
    if (this.#known === undefined) return undefined;
    const now = this.#now();
    const age = now - this.#known.fetchedAt;
    if (age < FRESH_FOR_SECONDS) return this.#known;
    if (age >= USABLE_FOR_SECONDS || now >= this.#lastFailure + FAILURE_COUNTS_FOR_SECONDS) return undefined;
    void this.#refresh();
    return this.#known;
  }

  /** The key of a key id in the last fetched set, however old: it may refuse a token, never accept one. */
  old(keyId: string): PublishedKey | undefined {
    return this.#known?.keys.get(keyId);
  }

  /**
   * The published keys after a fetch.
   *
   * @param keyId the token's; if too many calls wait, one with an unknown key id does not
   */
  async load(keyId: string): Promise<TenantKeys | KeysUnavailable> {
    await this.#refreshFor(keyId);
    return this.current() ?? this.#unavailable();
  }

  /** The key of a key id, after a fetch if it is unknown. */
  async find(keyId: string): Promise<PublishedKey | KeyMissing> {
    const known = this.current()?.keys.get(keyId);
    if (known !== undefined) return known;
    await this.#refreshFor(keyId);
    return this.current()?.keys.get(keyId) ?? this.#missing();
  }

  /** The refusal of a key id that is unknown while the last fetch is less than a cooldown ago; else undefined. */
  refusedUntilCooldownEnds(keyId: string): KeyMissing | undefined {
    if (this.#underway !== undefined || this.#now() >= this.#nextAttempt) return undefined;
    return this.current()?.keys.has(keyId) === true ? undefined : this.#missing();
  }

  /** Only a fresh key set proves that a key does not exist. */
  #missing(): KeyMissing {
    const isAnswered = this.#underway === undefined && this.#failures === 0 && this.current() !== undefined;
    return isAnswered ? { code: "unknown-key" } : this.#unavailable();
  }

  #unavailable(): KeysUnavailable {
    const untilNextAttempt = this.#underway === undefined ? this.#nextAttempt - this.#now() : 0;
    return { code: "keys-unavailable", retryAfterSeconds: Math.max(1, Math.ceil(untilNextAttempt)) };
  }

  /** Calls with forged key ids must not fill the host. Before any key is known, all calls wait. */
  async #refreshFor(keyId: string): Promise<void> {
    if (this.#known === undefined || this.#known.keys.has(keyId)) return this.#refresh();
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting++;
    await this.#refresh();
    this.#waiting--;
  }

  #refresh(): Promise<void> {
    if (this.#underway !== undefined) return this.#underway;
    const startedAt = this.#now();
    if (startedAt < this.#nextAttempt) return Promise.resolve();
    this.#nextAttempt = startedAt + COOLDOWN_SECONDS;
    this.#underway = this.#fetchKeys()
      .then(
        (published) => {
          this.#known = { ...published, fetchedAt: startedAt };
          this.#failures = 0;
        },
        (error: unknown) => {
          this.#failed(error);
        },
      )
      .finally(() => {
        this.#underway = undefined;
      });
    return this.#underway;
  }

  #failed(error: unknown): void {
    const retry = FIRST_RETRY_SECONDS * 2 ** this.#failures;
    this.#failures++;
    this.#lastFailure = this.#now();
    if (this.current() === undefined) this.#nextAttempt = this.#lastFailure + Math.min(retry, COOLDOWN_SECONDS);
    // In a promise: it may throw, or return one that rejects.
    new Promise((resolve) => {
      resolve(this.#onFailure(error));
    }).catch(() => undefined);
  }
}
