/** Checks of Entra ID: app registrations, and who may act as an app registration or as an identity. */
import type { PlannedCheck } from "../../model/plan.ts";
import { listed, plannedCheck, shown, wording } from "../check.ts";
import type { Application, Registration, ServicePrincipal } from "../azure/directory.ts";
import { type Read, together } from "../azure/reading.ts";
import { PROVISION, provisionDirectory } from "../fixes.ts";
import type { DeploymentView, ServiceView } from "../view.ts";

export function directoryChecks(view: DeploymentView, service: ServiceView): PlannedCheck[] {
  const { registration, client, name } = service;
  return [
    ...identityChecks(view, service),
    ...(registration === null
      ? []
      : [
          ...apiChecks(view, service, registration),
          enabled(name, "enabled", `service principal of ${registration.uniqueName}`, registration.servicePrincipal),
          ...secretChecks(name, "api", registration),
          noFederation(name, registration),
        ]),
    ...(client === null
      ? []
      : [
          enabled(name, "client-enabled", `service principal of ${client.uniqueName}`, client.servicePrincipal),
          ...secretChecks(name, "client", client),
          clientFederation(view, service, client),
        ]),
  ];
}

function identityChecks(
  { deployment }: DeploymentView,
  { name, identityId, siteId, siteName, azure, identityPrincipal }: ServiceView,
): PlannedCheck[] {
  const others = <Resource extends { readonly id: string }>(resources: readonly Resource[]): Resource[] =>
    resources.filter(({ id }) => id.toLowerCase() !== siteId.toLowerCase());
  return [
    plannedCheck({
      id: `directory/${name}/identity`,
      title: `${name}: its identity`,
      resource: identityId,
      read: azure.identity,
      expected: "is there",
      why: "Roles are granted to it: without it no grant can be checked.",
      found: () => "is there",
      fix: PROVISION,
      mustExist: true,
    }),
    enabled(name, "identity-enabled", `service principal of ${identityId}`, identityPrincipal),
    plannedCheck({
      id: `directory/${name}/identity-attached`,
      title: `${name}: the resources that use its identity`,
      resource: `${identityId}/listAssociatedResources`,
      read: azure.resourcesOfIdentity,
      expected: `${siteName} alone`,
      why: "Each resource with the identity gets its tokens, and with them its roles.",
      found: (resources) => {
        if (others(resources).length > 0)
          return `also ${others(resources)
            .map(({ id }) => id)
            .join(", ")}`;
        return resources.length > 0 ? `${siteName} alone` : "nothing";
      },
      fix: (resources) =>
        others(resources)
          .map(
            ({ id }) =>
              `# Take the identity off ${id}; of a site: az webapp identity remove --identities ${identityId} --ids ${id}`,
          )
          .join("\n") || PROVISION,
    }),
    plannedCheck({
      id: `directory/${name}/identity-federation`,
      title: `${name}: who else may act as its identity`,
      resource: `${identityId}/federatedIdentityCredentials`,
      read: azure.identityFederation,
      expected: "nobody",
      why: "A federated credential lets a workload anywhere get this identity's tokens.",
      found: (credentials) =>
        credentials.map(({ properties: { subject, issuer } }) => `${shown(subject)} of ${shown(issuer)}`).join(", ") ||
        "nobody",
      fix: (credentials) =>
        credentials
          .map(
            (credential) =>
              `az identity federated-credential delete --name ${credential.name} --identity-name ${identityId.split("/").at(-1) ?? ""} ` +
              `--resource-group ${deployment.resourceGroup} --yes`,
          )
          .join("\n"),
    }),
  ];
}

export function standingOf({ accountEnabled }: ServicePrincipal): string {
  return accountEnabled === true ? "enabled" : accountEnabled === false ? "disabled" : "not set";
}

/** Entra ID issues no token for a service principal that is disabled, and none to it. */
function enabled(name: string, id: string, resource: string, read: Read<ServicePrincipal>): PlannedCheck {
  return plannedCheck({
    id: `directory/${name}/${id}`,
    title: `${name}: sign-in, by the ${resource.replace(/\/subscriptions\/.*\//, "")}`,
    resource,
    read,
    expected: "enabled",
    why: "Entra ID issues no token for a disabled service principal, and none to it: every call fails.",
    found: standingOf,
    fix: (principal) => `az ad sp update --id ${principal.id} --set accountEnabled=true`,
  });
}

function apiChecks(
  view: DeploymentView,
  service: ServiceView,
  { application, servicePrincipal, uniqueName }: Registration,
): PlannedCheck[] {
  const { name } = service;
  const roles = Object.entries(service.roles).map(([value, { id }]) => `${value} (${id})`);
  const uri = service.api?.identifierUri ?? "";
  const common = { resource: `application ${uniqueName}`, read: application, fix: provisionDirectory(view.deployment) };
  return [
    plannedCheck({
      ...common,
      id: `directory/${name}/registration`,
      title: `${name}: the app registration`,
      expected: "is there",
      why: "Without it Entra ID issues no token for the service.",
      found: () => "is there",
      mustExist: true,
    }),
    plannedCheck({
      ...common,
      id: `directory/${name}/identifier-uri`,
      title: `${name}: its App ID URI`,
      expected: uri,
      why: "Callers ask for tokens by it.",
      found: ({ identifierUris }) => listed(identifierUris ?? [], [uri]),
    }),
    plannedCheck({
      ...common,
      id: `directory/${name}/app-roles`,
      title: `${name}: the app roles`,
      expected: wording(roles),
      why: "A role that is not the policy's, or that users can hold, can be granted past the policy.",
      found: ({ appRoles }) => listed(appRoles.map(roleInWords), roles),
      fix: (found) => fixRoles(found, roles, provisionDirectory(view.deployment)),
    }),
    plannedCheck({
      ...common,
      id: `directory/${name}/token-version`,
      title: `${name}: the version of its access tokens`,
      expected: "2",
      why: "Tokens of version 1.0 come from another issuer, for another audience.",
      found: ({ api }) => shown(api?.requestedAccessTokenVersion),
    }),
    plannedCheck({
      ...common,
      id: `directory/${name}/audience`,
      title: `${name}: the tenants that can get tokens for it`,
      expected: "AzureADMyOrg",
      why: "Other tenants could use the registration.",
      found: ({ signInAudience }) => shown(signInAudience),
    }),
    plannedCheck({
      ...common,
      id: `directory/${name}/assignment-required`,
      title: `${name}: tokens only for clients with a role assignment`,
      resource: `service principal of ${uniqueName}`,
      read: servicePrincipal,
      expected: "required",
      why: "Otherwise every app of the tenant gets tokens for the service, without a role.",
      found: ({ appRoleAssignmentRequired }) => (appRoleAssignmentRequired === true ? "required" : "not required"),
      mustExist: true,
    }),
  ];
}

function roleInWords({ value, id, isEnabled, allowedMemberTypes }: Application["appRoles"][number]): string {
  const more = [
    ...(isEnabled ? [] : ["disabled"]),
    ...(allowedMemberTypes.join() === "Application" ? [] : [`for ${allowedMemberTypes.join(" and ") || "nobody"}`]),
  ];
  return [`${shown(value)} (${id})`, ...more].join(", ");
}

/** Entra ID refuses to remove a role that is enabled. */
function fixRoles({ appId, appRoles }: Application, roles: readonly string[], provision: string): string {
  const ids = roles.join().toLowerCase();
  if (appRoles.every(({ id }) => ids.includes(id.toLowerCase()))) return provision;
  return [
    `az ad app show --id ${appId} --query appRoles > roles.json`,
    `# In roles.json, set "isEnabled" of the role that is too many to false`,
    `az ad app update --id ${appId} --app-roles @roles.json`,
    provision,
  ].join("\n");
}

/** No app of this system signs in with a secret, so none must exist. */
function secretChecks(name: string, kind: "api" | "client", registration: Registration): PlannedCheck[] {
  const { application, servicePrincipal, uniqueName } = registration;
  const why = "Whoever has it can get tokens as this registration, from anywhere.";
  const holders: readonly { id: string; where: string; read: Read<Holder>; command: string }[] = [
    { id: "secrets", where: "app registration", read: application, command: "az ad app credential delete" },
    {
      id: "principal-secrets",
      where: "service principal",
      read: servicePrincipal,
      command: "az ad sp credential delete",
    },
  ];
  return holders.map(({ id, where, read, command }) =>
    plannedCheck({
      id: `directory/${name}/${kind === "api" ? id : `client-${id}`}`,
      title: `${name}: secrets and certificates of the ${where}${kind === "api" ? "" : " that it calls as"}`,
      resource: `${where} ${uniqueName}`,
      read,
      expected: "none",
      why,
      found: (holder) =>
        wording([
          ...holder.passwordCredentials.map(({ keyId }) => `secret ${keyId}`),
          ...holder.keyCredentials.map(({ keyId }) => `certificate ${keyId}`),
        ]),
      fix: (holder) =>
        [
          ...holder.passwordCredentials.map(({ keyId }) => `${command} --id ${holder.id} --key-id ${keyId}`),
          ...holder.keyCredentials.map(({ keyId }) => `${command} --id ${holder.id} --key-id ${keyId} --cert`),
        ].join("\n"),
      mustExist: kind === "client",
    }),
  );
}

interface Holder {
  readonly id: string;
  readonly passwordCredentials: readonly { readonly keyId: string }[];
  readonly keyCredentials: readonly { readonly keyId: string }[];
}

function noFederation(name: string, { application, federation, uniqueName }: Registration): PlannedCheck {
  return plannedCheck({
    id: `directory/${name}/federation`,
    title: `${name}: who may act as the app registration`,
    resource: `application ${uniqueName}`,
    read: () => together({ application, federation }),
    expected: "nobody",
    why: "A federated credential lets a workload anywhere get tokens as this registration.",
    found: (there) => there.federation.map(trusted).join(", ") || "nobody",
    fix: (there) => there.federation.map(({ id }) => deleteFederation(there.application, id)).join("\n"),
  });
}

/** Only the caller's identity may act as its app registration. */
function clientFederation(
  view: DeploymentView,
  { name, azure }: ServiceView,
  { application, federation, uniqueName }: Registration,
): PlannedCheck {
  const { authorityHost, deployment } = view;
  const issuer = `${authorityHost}/${deployment.tenantId}/v2.0`;
  const expected = `the identity of ${name}`;
  const own = ({ principalId }: { readonly principalId: string }): string => trusted({ issuer, subject: principalId });
  return plannedCheck({
    id: `directory/${name}/client-federation`,
    title: `${name}: who may act as the app registration that it calls as`,
    resource: `application ${uniqueName}`,
    read: () => together({ application, federation, identity: azure.identity }),
    expected,
    why: "Whoever else it trusts can call as this service.",
    found: (there) => listed(there.federation.map(trusted), [own(there.identity)], expected),
    fix: (there) =>
      there.federation
        .filter((credential) => trusted(credential) !== own(there.identity))
        .map(({ id }) => deleteFederation(there.application, id))
        .join("\n") || provisionDirectory(view.deployment),
  });
}

function trusted({
  issuer,
  subject,
}: {
  readonly issuer: string;
  readonly subject?: string | null | undefined;
}): string {
  return `${shown(subject)} of ${issuer}`;
}

function deleteFederation({ appId }: Application, id: string): string {
  return `az ad app federated-credential delete --id ${appId} --federated-credential-id ${id}`;
}
