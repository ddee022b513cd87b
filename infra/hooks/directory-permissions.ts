/** Checks whether the deployer's Microsoft Graph token allows app registrations and role assignments. */
import { accessToken } from "../azd.ts";
import { publicCloud } from "../public-cloud.ts";

/** The claims of a Microsoft Graph token that say what its holder may do. */
export interface GraphClaims {
  /** A user's directory roles, as role template ids. Missing if the token has no space for them. */
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
 * An app, such as a pipeline, needs one permission of each line. Assigning a role includes reading directory objects: with
 * AppRoleAssignment.ReadWrite.All alone, Graph returns 403.
 *
 * @see https://learn.microsoft.com/graph/templates/bicep/concept-permissions-and-privileges
 * @see https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto#permissions
 */
const APP_PERMISSIONS = [
  ["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"],
  ["AppRoleAssignment.ReadWrite.All"],
  ["Application.Read.All", "Directory.Read.All"],
] as const;

/** What a token shows: `missing` names the permission that its holder needs and does not have. */
export type Assessment =
  { readonly known: true; readonly missing: string } | { readonly known: boolean; readonly missing?: undefined };

/** Whether the holder of a token may create what the templates create in the directory. */
export function assess(claims: GraphClaims): Assessment {
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

/** Milliseconds that the deployment waits for this check. */
const TIMEOUT_MS = 30_000;

/** The claims of the token that azd deploys with; undefined if azd is missing or not signed in. */
export function graphClaims(): GraphClaims | undefined {
  try {
    const [, payload = ""] = accessToken(publicCloud.graph, TIMEOUT_MS).split(".");
    return JSON.parse(Buffer.from(payload, "base64url").toString()) as GraphClaims;
  } catch {
    return undefined;
  }
}
