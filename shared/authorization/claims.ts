import * as v from "valibot";

/** Who calls, as far as the token says it: what a handler gets instead of the token. */
export interface Caller {
  /** The app's client id. */
  readonly appId: string;
  /** The object id of its service principal. */
  readonly objectId: string;
  readonly tenantId: string;
  readonly roles: readonly string[];
  /** The token's own id, where it has one. */
  readonly tokenId: string | undefined;
}

/** The claims of an access token that decide over a call. */
export interface Claims {
  readonly version: "1.0" | "2.0";
  readonly issuer: string;
  readonly audience: string;
  /** Seconds since 1970. */
  readonly expires: number;
  readonly notBefore: number | undefined;
  readonly issuedAt: number | undefined;
  /** False for a user's token, and where nothing says that it is an app's. */
  readonly isAppOnly: boolean;
  /** How the client proved who it is: `0` not at all, `1` by a secret, `2` by a certificate or as a managed identity. */
  readonly clientAuthentication: string | undefined;
  readonly caller: Caller;
}

/** Seconds since 1970, as RFC 7519 (section 2, NumericDate) has them; a fraction is allowed. */
const numericDate = v.pipe(v.number(), v.finite(), v.minValue(0));

/** @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims */
const schema = v.object({
  aud: v.string(),
  iss: v.string(),
  exp: numericDate,
  nbf: v.optional(numericDate),
  iat: v.optional(numericDate),
  tid: v.string(),
  oid: v.string(),
  sub: v.string(),
  /** The version decides which of the two claims names the caller, and which says how it authenticated. */
  ver: v.picklist(["1.0", "2.0"]),
  appid: v.optional(v.string()),
  azp: v.optional(v.string()),
  appidacr: v.optional(v.string()),
  azpacr: v.optional(v.string()),
  roles: v.optional(v.pipe(v.array(v.string()), v.maxLength(1000)), []),
  scp: v.optional(v.unknown()),
  idtyp: v.optional(v.string()),
  uti: v.optional(v.string()),
});

/** Takes the claims out of a token's payload; undefined where one is missing or has another type. */
export function readClaims(payload: unknown): Claims | undefined {
  const { success, output } = v.safeParse(schema, payload);
  if (!success) return undefined;
  const isVersion1 = output.ver === "1.0";
  return {
    version: output.ver,
    issuer: output.iss,
    audience: output.aud,
    expires: output.exp,
    notBefore: output.nbf,
    issuedAt: output.iat,
    isAppOnly: isAppOnly(output),
    clientAuthentication: isVersion1 ? output.appidacr : output.azpacr,
    caller: Object.freeze({
      // Nobody is on a list as "".
      appId: (isVersion1 ? output.appid : output.azp) ?? "",
      objectId: output.oid,
      tenantId: output.tid,
      roles: Object.freeze(output.roles),
      tokenId: output.uti,
    }),
  };
}

/**
 * Delegated tokens carry `scp`. `idtyp` is `app` in an app's token where the API asks for that optional claim. Where it
 * is absent, an app's token is one whose subject is the service principal itself; a user's `sub` is made for the pair of
 * user and app, and never his object id.
 */
function isAppOnly({ scp, idtyp, sub, oid }: v.InferOutput<typeof schema>): boolean {
  return scp === undefined && (idtyp === undefined ? sub === oid : idtyp === "app");
}
