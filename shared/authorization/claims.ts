import * as v from "valibot";

/** Seconds since 1970, as RFC 7519 (section 2, NumericDate) has them; a fraction is allowed. */
const numericDate = v.pipe(v.number(), v.finite(), v.minValue(0));

/**
 * The claims of an Entra ID access token that decide over a call. A claim of another type makes the token malformed.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
const schema = v.object({
  aud: v.string(),
  iss: v.string(),
  exp: numericDate,
  nbf: v.optional(numericDate),
  tid: v.string(),
  oid: v.string(),
  /** The version decides which of the two claims names the caller. */
  ver: v.picklist(["1.0", "2.0"]),
  appid: v.optional(v.string()),
  azp: v.optional(v.string()),
  roles: v.optional(v.array(v.string()), []),
  /** Present in delegated tokens only. */
  scp: v.optional(v.unknown()),
  /** An optional claim: `app` in app-only tokens. */
  idtyp: v.optional(v.string()),
  /** The token's own id, for the audit trail. */
  uti: v.optional(v.string()),
});

export type Claims = v.InferOutput<typeof schema>;

/** The claims of a token's payload, or undefined where it lacks one or one has another type. */
export function readClaims(payload: unknown): Claims | undefined {
  const result = v.safeParse(schema, payload);
  return result.success ? result.output : undefined;
}
