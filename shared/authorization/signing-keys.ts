import type { PublishedKey, TenantKeys } from "./tenant-metadata.ts";

/** After an attempt to fetch the keys, successful or not, the next one waits this long: forged key ids cannot hammer Entra. */
const COOLDOWN_SECONDS = 30;

/** Keys fetched longer ago than this are fetched again, while the known ones stay in use. */
const REFRESH_AFTER_SECONDS = 3600;

/** During an outage the known keys stay in use for this long after they were last seen published. */
const USABLE_FOR_SECONDS = 24 * 3600;

/** Why there is no key for a key id. */
export type KeyMissing =
  { readonly code: "unknown-key" } | { readonly code: "keys-unavailable"; readonly retryAfterSeconds: number };

interface KnownKeys extends TenantKeys {
  readonly fetchedAt: number;
}

/**
 * The tenant's signing keys: fetched at first use, again when an unknown key id turns up (at most once a cooldown, once
 * for all who wait), and from time to time. A new key is therefore accepted at the latest one cooldown after its
 * publication, and a withdrawn one is refused after an hour at the latest, as long as Entra answers.
 */
export class SigningKeys {
  readonly #fetchKeys: () => Promise<TenantKeys>;
  readonly #now: () => number;
  readonly #onFailure: (error: unknown) => void;
  #known: KnownKeys | undefined;
  #lastAttempt = -Infinity;
  #lastFailed = false;
  #underway: Promise<void> | undefined;

  /**
   * @param fetchKeys fetches what the tenant publishes
   * @param now seconds since 1970
   * @param onFailure told why the keys could not be fetched
   */
  constructor(fetchKeys: () => Promise<TenantKeys>, now: () => number, onFailure: (error: unknown) => void) {
    this.#fetchKeys = fetchKeys;
    this.#now = now;
    this.#onFailure = onFailure;
  }

  /** What the tenant publishes, as far as it is known and may be used; fetched anew in the background where it is old. */
  published(now = this.#now()): TenantKeys | undefined {
    const age = now - (this.#known?.fetchedAt ?? -Infinity);
    if (age >= REFRESH_AFTER_SECONDS && this.#known !== undefined) void this.#refresh();
    return age < USABLE_FOR_SECONDS ? this.#known : undefined;
  }

  /** The same, fetched first where nothing is known; undefined where it cannot be had. */
  async load(): Promise<TenantKeys | undefined> {
    if (this.#usable() === undefined) await this.#refresh();
    return this.published();
  }

  /** The key for a key id, asking the tenant for it where it is unknown. */
  async find(keyId: string): Promise<PublishedKey | KeyMissing> {
    const known = this.#usable()?.keys.get(keyId);
    if (known !== undefined) return known;
    await this.#refresh();
    return this.#usable()?.keys.get(keyId) ?? this.#missing();
  }

  /** Why a key id is refused without asking anyone: it is unknown, and the tenant was asked a moment ago. */
  refusedUntilCooldownEnds(keyId: string): KeyMissing | undefined {
    if (this.#underway !== undefined || this.#now() >= this.#lastAttempt + COOLDOWN_SECONDS) return undefined;
    return this.#usable()?.keys.has(keyId) === true ? undefined : this.#missing();
  }

  /** The refusal while the keys cannot be had. */
  unavailable(): { readonly code: "keys-unavailable"; readonly retryAfterSeconds: number } {
    const untilNextAttempt = this.#lastAttempt + COOLDOWN_SECONDS - this.#now();
    return { code: "keys-unavailable", retryAfterSeconds: Math.max(1, Math.ceil(untilNextAttempt)) };
  }

  /** Only a fresh answer from the tenant can say that a key does not exist. */
  #missing(): KeyMissing {
    return this.#lastFailed || this.#usable() === undefined ? this.unavailable() : { code: "unknown-key" };
  }

  #usable(): KnownKeys | undefined {
    return this.#now() - (this.#known?.fetchedAt ?? -Infinity) < USABLE_FOR_SECONDS ? this.#known : undefined;
  }

  #refresh(): Promise<void> {
    if (this.#underway !== undefined) return this.#underway;
    if (this.#now() < this.#lastAttempt + COOLDOWN_SECONDS) return Promise.resolve();
    this.#lastAttempt = this.#now();
    this.#underway = this.#fetchKeys()
      .then(
        (published) => {
          this.#known = { ...published, fetchedAt: this.#now() };
          this.#lastFailed = false;
        },
        (error: unknown) => {
          this.#lastFailed = true;
          this.#onFailure(error);
        },
      )
      .finally(() => {
        this.#underway = undefined;
      });
    return this.#underway;
  }
}
