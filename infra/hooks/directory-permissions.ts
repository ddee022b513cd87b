import { accessToken } from "../azd.ts";
import { publicCloud } from "../public-cloud.ts";

/** What a Microsoft Graph token says about whoever deploys. */
export interface GraphClaims {
  /** A user's directory roles, as role template ids: present where the token has space for them. */
  readonly wids?: readonly string[];
  /** An app's permissions. */
  readonly roles?: readonly string[];
  readonly idtyp?: string;
}

/**
 * A user with one of these may register applications and assign their roles.
 *
 * @see https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
 * @see https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto#permissions
 */
const DIRECTORY_ROLES: Readonly<Record<string, string>> = {
  "158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
  "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
  "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
};

/**
 * An app, such as a pipeline, needs one of each line. To assign a role it must read directory objects as well: with
 * AppRoleAssignment.ReadWrite.All alone, Graph answers 403.
 *
 * @see https://learn.microsoft.com/graph/templates/bicep/concept-permissions-and-privileges
 * @see https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto#permissions
 */
const APP_PERMISSIONS = [
  ["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"],
  ["AppRoleAssignment.ReadWrite.All"],
  ["Application.Read.All", "Directory.Read.All"],
] as const;

export type Verdict =
  { readonly known: true; readonly missing: string } | { readonly known: boolean; readonly missing?: undefined };

/**
 * Whether whoever deploys may do so in the directory.
 *
 * @returns what is missing, for a person; nothing is missing, or it cannot be known from the token
 */
export function judge(claims: GraphClaims): Verdict {
  if (claims.roles !== undefined || claims.idtyp === "app") {
    const held = claims.roles ?? [];
    const missing = APP_PERMISSIONS.filter((alternatives) => !alternatives.some((name) => held.includes(name)));
    if (missing.length === 0) return { known: true };
    return {
      known: true,
      missing: `the Microsoft Graph application permission${missing.length > 1 ? "s" : ""} ${missing.map(([name]) => name).join(" and ")}`,
    };
  }
  if (claims.wids === undefined) return { known: false };
  if (claims.wids.some((id) => id in DIRECTORY_ROLES)) return { known: true };
  return { known: true, missing: `one of the directory roles ${Object.values(DIRECTORY_ROLES).join(", ")}` };
}

/** The claims of the token that azd would deploy with; undefined where azd is not there or not signed in. */
export function graphClaims(): GraphClaims | undefined {
  try {
    const [, payload = ""] = accessToken(publicCloud.graph).split(".");
    return JSON.parse(Buffer.from(payload, "base64url").toString()) as GraphClaims;
  } catch {
    return undefined;
  }
}
