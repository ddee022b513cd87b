// The claims of an access token that decide over a call.

/** The caller by the token's claims: handlers get this instead of the token. */
export interface Caller {
  /** The app's client id. */
  readonly appId: string;
  /** The object id of its service principal. */
  readonly objectId: string;
  readonly tenantId: string;
  readonly roles: readonly string[];
  /** The token's own id, where it has one. */
  readonly tokenId: string | undefined;
  /** When Entra ID issued the token, in seconds since 1970: a role that was granted later is not in it. */
  readonly tokenIssuedAt: number | undefined;
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
  /** False for a user's token, and if no claim says that it is an app's. */
  readonly isAppOnly: boolean;
  /** How the client proved who it is: `0` not at all, `1` by a secret, `2` by a certificate or as a managed identity. */
  readonly clientAuthentication: string | undefined;
  /** Whether the token is good only together with a proof that its sender holds a key: RFC 7800, section 3. */
  readonly isKeyBound: boolean;
  readonly caller: Caller;
  /** The whole payload, for the custom rule. */
  readonly payload: Readonly<Record<string, unknown>>;
}

/**
 * Takes the claims out of a token's payload; undefined if one is missing, has another type or contradicts another. Not by a
 * schema, because it runs for every token, also forged ones.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims
 */
export function readClaims(payload: Readonly<Record<string, unknown>>): Claims | undefined {
  const { aud, iss, exp, nbf, iat, tid, oid, sub, ver, azp, appid, roles = [], scp, idtyp, uti, cnf } = payload;
  if (ver !== "1.0" && ver !== "2.0") return undefined;
  const isVersion1 = ver === "1.0";
  const [appId, otherVersions] = isVersion1 ? [appid, azp] : [azp, appid];
  if (!isText(appId) || appId === "" || (otherVersions !== undefined && otherVersions !== appId)) return undefined;
  const clientAuthentication = isVersion1 ? payload["appidacr"] : payload["azpacr"];
  if (!isText(aud) || !isText(iss) || !isText(tid) || !isText(oid) || !isText(sub)) return undefined;
  if (!isTime(exp) || !isAbsentOr(isTime, nbf) || !isAbsentOr(isTime, iat)) return undefined;
  if (!isAbsentOr(isText, clientAuthentication) || !isAbsentOr(isText, idtyp) || !isAbsentOr(isText, uti))
    return undefined;
  if (!Array.isArray(roles) || !roles.every(isText)) return undefined;
  return {
    version: ver,
    issuer: iss,
    audience: aud,
    expires: exp,
    notBefore: nbf,
    issuedAt: iat,
    // Delegated tokens carry `scp`. `idtyp` is `app` in an app's token where the API asks for that optional claim. Where
    // it is absent, an app's token is one whose subject is the service principal itself: a user's `sub` is made for the
    // pair of user and app, and is never the user's object id.
    isAppOnly: scp === undefined && (idtyp === undefined ? sub === oid : idtyp === "app"),
    clientAuthentication,
    isKeyBound: cnf !== undefined,
    caller: Object.freeze({
      appId,
      objectId: oid,
      tenantId: tid,
      roles: Object.freeze(roles),
      tokenId: uti,
      tokenIssuedAt: iat,
    }),
    payload,
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Seconds since 1970, as RFC 7519 (section 2, NumericDate) has them; a fraction is allowed. */
function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isAbsentOr<T>(is: (value: unknown) => value is T, value: unknown): value is T | undefined {
  return value === undefined || is(value);
}
