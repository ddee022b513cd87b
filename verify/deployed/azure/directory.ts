/** What Microsoft Graph has about app registrations and service principals. */
import * as v from "valibot";
import type { AzureApi } from "./api.ts";
import { following, member, type Read } from "./reading.ts";

const PERMISSION = "the Microsoft Graph permission Application.Read.All";

const text = v.nullish(v.string());
const credential = v.object({ keyId: v.string() });

const application = v.object({
  id: v.string(),
  appId: v.string(),
  signInAudience: text,
  identifierUris: v.nullish(v.array(v.string())),
  api: v.nullish(v.object({ requestedAccessTokenVersion: v.nullish(v.number()) })),
  appRoles: v.array(
    v.object({ id: v.string(), value: text, isEnabled: v.boolean(), allowedMemberTypes: v.array(v.string()) }),
  ),
  passwordCredentials: v.array(credential),
  keyCredentials: v.array(credential),
});
export type Application = v.InferOutput<typeof application>;

const servicePrincipal = v.object({
  id: v.string(),
  accountEnabled: v.nullish(v.boolean()),
  appRoleAssignmentRequired: v.nullish(v.boolean()),
  passwordCredentials: v.array(credential),
  keyCredentials: v.array(credential),
});

export type ServicePrincipal = v.InferOutput<typeof servicePrincipal>;

const assignment = v.object({
  id: v.string(),
  appRoleId: v.string(),
  principalId: v.string(),
  principalType: text,
  principalDisplayName: text,
});
export type Assignment = v.InferOutput<typeof assignment>;

const federation = v.object({ id: v.string(), name: v.string(), issuer: v.string(), subject: text });

export interface Registration {
  readonly uniqueName: string;
  readonly application: Read<Application>;
  readonly servicePrincipal: Read<ServicePrincipal>;
  readonly assignments: Read<readonly Assignment[]>;
  readonly federation: Read<readonly v.InferOutput<typeof federation>[]>;
}

/** The service principal of an app registration or of a managed identity. */
export function servicePrincipalOf(graph: AzureApi, clientId: Read<string>): Read<ServicePrincipal> {
  return () =>
    following(clientId, (id) => graph.get(`/v1.0/servicePrincipals(appId='${id}')`, servicePrincipal, PERMISSION));
}

/** @param uniqueName as infra/modules/entra.bicep names it */
export function registration(graph: AzureApi, uniqueName: string): Registration {
  const readApplication = () =>
    graph.get(`/v1.0/applications(uniqueName='${encodeURIComponent(uniqueName)}')`, application, PERMISSION);
  const readPrincipal = servicePrincipalOf(
    graph,
    member(readApplication, ({ appId }) => appId),
  );
  return {
    uniqueName,
    application: readApplication,
    servicePrincipal: readPrincipal,
    assignments: () =>
      following(readPrincipal, ({ id }) =>
        graph.list(`/v1.0/servicePrincipals/${id}/appRoleAssignedTo`, assignment, PERMISSION),
      ),
    federation: () =>
      following(readApplication, ({ id }) =>
        graph.list(`/v1.0/applications/${id}/federatedIdentityCredentials`, federation, PERMISSION),
      ),
  };
}
