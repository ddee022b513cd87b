/** The RSA keys with which the local Entra signs tokens. */
import type { webcrypto } from "node:crypto";
import { signingCertificate } from "../certificates/make-certificates.ts";

/** A key pair that signs tokens, and its published form. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
  /** As in Entra's key sets: no `alg`, and `kid` is the thumbprint of the certificate in `x5c`. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

/** RS256 (RFC 7518, 3.3), the one algorithm of Entra's access tokens. */
const rs256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

/** The tenant's signing keys: the published ones, one of which signs, and two that are not published. */
export class SigningKeys {
  #published: readonly SigningKey[];
  #current: SigningKey;
  #retired: Promise<SigningKey> | undefined;
  #unknown: Promise<SigningKey> | undefined;

  /** Starts with two published keys, one of which signs: Entra's key sets always contain several. */
  static async create(): Promise<SigningKeys> {
    return new SigningKeys(...(await Promise.all([newSigningKey(), newSigningKey()])));
  }

  private constructor(other: SigningKey, current: SigningKey) {
    this.#published = [other, current];
    this.#current = current;
  }

  /** The keys in the key set. */
  get published(): readonly SigningKey[] {
    return this.#published;
  }

  /** The key that signs. */
  get current(): SigningKey {
    return this.#current;
  }

  /** Publishes a new key, which signs from now on. Keys published before stay published. */
  async rotate(): Promise<SigningKey> {
    const key = await newSigningKey();
    this.#published = [...this.#published, key];
    this.#current = key;
    return key;
  }

  /** A key withdrawn from publication before this start. */
  retired(): Promise<SigningKey> {
    return (this.#retired ??= newSigningKey());
  }

  /** A key that was never published. */
  unknown(): Promise<SigningKey> {
    return (this.#unknown ??= newSigningKey());
  }
}

async function newSigningKey(): Promise<SigningKey> {
  const parameters = { ...rs256, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const keys = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
  const [{ n, e }, { der, thumbprint }] = await Promise.all([
    crypto.subtle.exportKey("jwk", keys.publicKey),
    signingCertificate(keys),
  ]);
  const jwk = { kty: "RSA", use: "sig", kid: thumbprint, x5t: thumbprint, n, e, x5c: [der] };
  return { kid: thumbprint, privateKey: keys.privateKey, publicKey: keys.publicKey, jwk };
}
