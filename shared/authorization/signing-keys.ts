import type { PublishedKey, TenantKeys } from "./tenant-metadata.ts";

/** After an attempt to fetch the keys, the next one waits this long: forged key ids cannot hammer Entra. */
const COOLDOWN_SECONDS = 30;

/** Without keys nobody is let in: the next attempt waits this long, and twice as long after each failure, up to the cooldown. */
const FIRST_RETRY_SECONDS = 1;

/** Keys fetched longer ago than this are used only where a fetch has failed since. */
const FRESH_FOR_SECONDS = 3600;

/** A failed fetch counts for this long. Two cooldowns: where calls arrive, the next attempt has ended before. */
const FAILURE_COUNTS_FOR_SECONDS = 60;

/** During an outage the known keys stay in use for this long after they were last seen published. */
const USABLE_FOR_SECONDS = 24 * 3600;

/** Callers with an unknown key id that may wait for the tenant at once: a quarter of the calls that the host takes (`host.json`). */
const MAX_WAITING = 50;

/** The refusal while the keys cannot be had. */
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
 * The tenant's signing keys: fetched at the start, again when an unknown key id turns up (at most once a cooldown, once
 * for all who wait), and every hour. A new key is accepted at the latest one cooldown after its publication. A withdrawn
 * one is refused after an hour at the latest: whoever calls then waits for the tenant's answer. Only where that fails do
 * the known keys stay in use, for a day at the longest.
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
   * @param now seconds of a clock that nobody sets: with one that is set back, no keys would be fetched for that long
   * @param onFailure told why the keys could not be fetched; what it throws is dropped
   */
  constructor(fetchKeys: () => Promise<TenantKeys>, now: () => number, onFailure: (error: unknown) => unknown) {
    this.#fetchKeys = fetchKeys;
    this.#now = now;
    this.#onFailure = onFailure;
  }

  /** Begins to fetch the keys, so that the first caller need not wait for all of it. */
  start(): void {
    void this.#refresh();
  }

  /** What the tenant publishes, where that is known well enough to decide at once; else `load` asks for it. */
  current(): TenantKeys | undefined {
    if (this.#known === undefined) return undefined;
    const now = this.#now();
    const age = now - this.#known.fetchedAt;
    if (age < FRESH_FOR_SECONDS) return this.#known;
    if (age >= USABLE_FOR_SECONDS || now >= this.#lastFailure + FAILURE_COUNTS_FOR_SECONDS) return undefined;
    void this.#refresh();
    return this.#known;
  }

  /** The key that a key id had when the tenant last answered, however long ago: good for refusing, never for letting in. */
  old(keyId: string): PublishedKey | undefined {
    return this.#known?.keys.get(keyId);
  }

  /**
   * The same, after the tenant was asked.
   *
   * @param keyId the caller's: where too many wait, one with an unknown key id does not
   */
  async load(keyId: string): Promise<TenantKeys | KeysUnavailable> {
    await this.#refreshFor(keyId);
    return this.current() ?? this.#unavailable();
  }

  /** The key for a key id, asking the tenant for it where it is unknown. */
  async find(keyId: string): Promise<PublishedKey | KeyMissing> {
    const known = this.current()?.keys.get(keyId);
    if (known !== undefined) return known;
    await this.#refreshFor(keyId);
    return this.current()?.keys.get(keyId) ?? this.#missing();
  }

  /** Why a key id is refused without asking anyone: it is unknown, and the tenant was asked a moment ago. */
  refusedUntilCooldownEnds(keyId: string): KeyMissing | undefined {
    if (this.#underway !== undefined || this.#now() >= this.#nextAttempt) return undefined;
    return this.current()?.keys.has(keyId) === true ? undefined : this.#missing();
  }

  /** Only a fresh answer from the tenant can say that a key does not exist. */
  #missing(): KeyMissing {
    const isAnswered = this.#underway === undefined && this.#failures === 0 && this.current() !== undefined;
    return isAnswered ? { code: "unknown-key" } : this.#unavailable();
  }

  #unavailable(): KeysUnavailable {
    const untilNextAttempt = this.#underway === undefined ? this.#nextAttempt - this.#now() : 0;
    return { code: "keys-unavailable", retryAfterSeconds: Math.max(1, Math.ceil(untilNextAttempt)) };
  }

  /** Forged key ids must not take the host's places from callers with a known one. Before any key is known, all are alike. */
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
