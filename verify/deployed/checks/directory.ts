import { listed, type PlannedCheck, question, shown, wording } from "../check.ts";
import type { Application, Registration, ServicePrincipal } from "../azure/directory.ts";
import { type Read, together } from "../azure/reading.ts";
import { identifierUri, policy, PROVISION, provisionDirectory, type Scene, type SceneService } from "../view.ts";

/** What the directory knows of a service: its app registration, and who may stand in for its identity. */
export function directoryChecks(scene: Scene, service: SceneService): PlannedCheck[] {
  const { api, client, name } = service;
  return [
    ...identityChecks(scene, service),
    ...(api === null
      ? []
      : [
          ...apiChecks(scene, name, api),
          enabled(name, "enabled", `service principal of ${api.uniqueName}`, api.servicePrincipal),
          ...secretChecks(name, "api", api),
          noFederation(name, api),
        ]),
    ...(client === null
      ? []
      : [
          enabled(name, "client-enabled", `service principal of ${client.uniqueName}`, client.servicePrincipal),
          ...secretChecks(name, "client", client),
          clientFederation(scene, service, client),
        ]),
  ];
}

function identityChecks(
  { deployment }: Scene,
  { name, expected, azure, identityPrincipal, siteName }: SceneService,
): PlannedCheck[] {
  const { identityId, siteId } = expected;
  const others = <Resource extends { readonly id: string }>(resources: readonly Resource[]): Resource[] =>
    resources.filter(({ id }) => id.toLowerCase() !== siteId.toLowerCase());
  return [
    question({
      id: `directory/${name}/identity`,
      title: `${name}: its identity`,
      resource: identityId,
      read: azure.identity,
      expected: "is there",
      why: "Roles are granted to it; without it nothing of them could be checked.",
      found: () => "is there",
      mend: PROVISION,
      mustExist: true,
    }),
    enabled(name, "identity-enabled", `service principal of ${identityId}`, identityPrincipal),
    question({
      id: `directory/${name}/identity-attached`,
      title: `${name}: what its identity is attached to`,
      resource: `${identityId}/listAssociatedResources`,
      read: azure.resourcesOfIdentity,
      expected: `${siteName} alone`,
      why: "Whatever the identity is attached to gets its tokens, and with them its roles, from wherever it runs.",
      found: (resources) => {
        if (others(resources).length > 0)
          return `also ${others(resources)
            .map(({ id }) => id)
            .join(", ")}`;
        return resources.length > 0 ? `${siteName} alone` : "nothing";
      },
      mend: (resources) =>
        others(resources)
          .map(
            ({ id }) =>
              `# Take the identity off ${id}; of a site: az webapp identity remove --identities ${identityId} --ids ${id}`,
          )
          .join("\n") || PROVISION,
    }),
    question({
      id: `directory/${name}/identity-federation`,
      title: `${name}: who else may act as its identity`,
      resource: `${identityId}/federatedIdentityCredentials`,
      read: azure.identityFederation,
      expected: "nobody",
      why: "A federated credential lets a workload anywhere get this identity's tokens.",
      found: (credentials) =>
        credentials.map(({ properties: { subject, issuer } }) => `${shown(subject)} of ${shown(issuer)}`).join(", ") ||
        "nobody",
      mend: (credentials) =>
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

/** Entra ID issues no token for a service principal that is disabled, and none to it. */
function enabled(name: string, id: string, resource: string, read: Read<ServicePrincipal>): PlannedCheck {
  return question({
    id: `directory/${name}/${id}`,
    title: `${name}: sign-in, by the ${resource.replace(/\/subscriptions\/.*\//, "")}`,
    resource,
    read,
    expected: "enabled",
    why: "Entra ID issues no token for a disabled service principal, and none to it: no call gets through.",
    found: ({ accountEnabled }) =>
      accountEnabled === true ? "enabled" : accountEnabled === false ? "disabled" : "not set",
    mend: (principal) => `az ad sp update --id ${principal.id} --set accountEnabled=true`,
  });
}

function apiChecks(
  scene: Scene,
  name: string,
  { application, servicePrincipal, uniqueName }: Registration,
): PlannedCheck[] {
  const roles = Object.entries(policy.services[name]?.roles ?? {}).map(([value, { id }]) => `${value} (${id})`);
  const uri = identifierUri(scene.deployment, name);
  const common = { resource: `application ${uniqueName}`, read: application, mend: provisionDirectory(scene) };
  return [
    question({
      ...common,
      id: `directory/${name}/registration`,
      title: `${name}: the app registration`,
      expected: "is there",
      why: "Without it Entra ID issues no token for the service.",
      found: () => "is there",
      mustExist: true,
    }),
    question({
      ...common,
      id: `directory/${name}/identifier-uri`,
      title: `${name}: what its tokens are asked for by`,
      expected: uri,
      why: "Callers ask for tokens by it.",
      found: ({ identifierUris }) => listed(identifierUris ?? [], [uri]),
    }),
    question({
      ...common,
      id: `directory/${name}/app-roles`,
      title: `${name}: the app roles`,
      expected: wording(roles),
      why: "A role that is not the policy's, or that users can hold, can be granted past the policy.",
      found: ({ appRoles }) => listed(appRoles.map(roleInWords), roles),
      mend: (found) => mendRoles(found, roles, provisionDirectory(scene)),
    }),
    question({
      ...common,
      id: `directory/${name}/token-version`,
      title: `${name}: the version of its access tokens`,
      expected: "2",
      why: "Tokens of version 1.0 come from another issuer, for another audience.",
      found: ({ api }) => shown(api?.requestedAccessTokenVersion),
    }),
    question({
      ...common,
      id: `directory/${name}/audience`,
      title: `${name}: whose accounts can get tokens for it`,
      expected: "AzureADMyOrg",
      why: "Other tenants could use the registration as theirs.",
      found: ({ signInAudience }) => shown(signInAudience),
    }),
    question({
      ...common,
      id: `directory/${name}/assignment-required`,
      title: `${name}: a token only for whom a role is assigned`,
      resource: `service principal of ${uniqueName}`,
      read: servicePrincipal,
      expected: "required",
      why: "Every app of the tenant would get tokens for the service, if without a role.",
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
function mendRoles({ appId, appRoles }: Application, roles: readonly string[], provision: string): string {
  const ids = roles.join().toLowerCase();
  if (appRoles.every(({ id }) => ids.includes(id.toLowerCase()))) return provision;
  return [
    `az ad app show --id ${appId} --query appRoles > roles.json`,
    `# In roles.json, set "isEnabled" of the role that is too many to false`,
    `az ad app update --id ${appId} --app-roles @roles.json`,
    provision,
  ].join("\n");
}

/** Nothing here signs in with a secret, so none is there to leak. */
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
    question({
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
      mend: (holder) =>
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
  return question({
    id: `directory/${name}/federation`,
    title: `${name}: who may act as the app registration`,
    resource: `application ${uniqueName}`,
    read: () => together({ application, federation }),
    expected: "nobody",
    why: "A federated credential lets a workload anywhere get tokens as this registration.",
    found: (there) => there.federation.map(trusted).join(", ") || "nobody",
    mend: (there) => there.federation.map(({ id }) => deleteFederation(there.application, id)).join("\n"),
  });
}

/** The caller's own identity, and nobody else. */
function clientFederation(
  scene: Scene,
  { name, azure }: SceneService,
  { application, federation, uniqueName }: Registration,
): PlannedCheck {
  const { authorityHost, deployment } = scene;
  const issuer = `${authorityHost}/${deployment.tenantId}/v2.0`;
  const expected = `the identity of ${name}`;
  const own = ({ principalId }: { readonly principalId: string }): string => trusted({ issuer, subject: principalId });
  return question({
    id: `directory/${name}/client-federation`,
    title: `${name}: who may act as the app registration that it calls as`,
    resource: `application ${uniqueName}`,
    read: () => together({ application, federation, identity: azure.identity }),
    expected,
    why: "Whoever else it trusts can call as this service.",
    found: (there) => listed(there.federation.map(trusted), [own(there.identity)], expected),
    mend: (there) =>
      there.federation
        .filter((credential) => trusted(credential) !== own(there.identity))
        .map(({ id }) => deleteFederation(there.application, id))
        .join("\n") || provisionDirectory(scene),
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
