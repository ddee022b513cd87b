/** Checks of the storage accounts that a service's settings name: networks, keys and roles. */
import type { PlannedCheck } from "../../model/plan.ts";
import { listed, plannedCheck, shown, wording } from "../check.ts";
import type { Deployment } from "../environment.ts";
import { member, together } from "../azure/reading.ts";
import type { DataRole } from "../azure/resources.ts";
import { PROVISION, provisionUnlessPolicy } from "../fixes.ts";
import type { DeploymentView, ServiceView } from "../view.ts";
import type { AccountPurpose } from "../expected.ts";

export function storageChecks({ deployment }: DeploymentView, service: ServiceView): PlannedCheck[] {
  return [
    ...accountChecks(service, "host", "the Functions host's data", deployment),
    ...accountChecks(service, "data", "its data", deployment),
  ];
}

/** Microsoft Defender for Storage adds this resource to the network rules of each account that it protects. */
function defender(subscriptionId: string): string {
  return `/subscriptions/${subscriptionId}/providers/Microsoft.Security/datascanners/storageDataScanner`;
}
/** Defender for Storage Data Scanner: the role to read blobs. */
const DEFENDER_ROLE = "1e7ca9b1-60d1-4db8-a914-f2ca1ff27c40";

function accountChecks(
  { name, azure, siteId, subnetId, accounts }: ServiceView,
  purpose: AccountPurpose,
  holds: string,
  deployment: Deployment,
): PlannedCheck[] {
  const { subscriptionId } = deployment;
  const read = azure.account(purpose);
  const { properties: template, roles } = accounts[purpose];
  const common = {
    resource: `the storage account for ${holds} that the settings of ${siteId} name`,
    read,
    fix: PROVISION,
  };
  const networks = [subnetId];
  const ownRoles = "the identity of the service, by the roles of the template";
  return [
    plannedCheck({
      ...common,
      id: `storage/${name}-${purpose}/exists`,
      title: `${name}: the storage account for ${holds}`,
      expected: "is there, in the resource group",
      why: "Others can read and change storage outside the resource group.",
      found: () => "is there, in the resource group",
      mustExist: true,
    }),
    plannedCheck({
      ...common,
      id: `storage/${name}-${purpose}/shared-key`,
      title: `${name}: account keys for ${holds}`,
      expected: allowed(template.allowSharedKeyAccess),
      why: "A key opens the whole account, and logs name nobody.",
      // The default is allowed: https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent
      found: ({ properties }) => allowed(properties.allowSharedKeyAccess ?? true),
      fix: provisionUnlessPolicy(deployment),
    }),
    plannedCheck({
      ...common,
      id: `storage/${name}-${purpose}/public-blobs`,
      title: `${name}: anonymous access to ${holds}`,
      expected: allowed(template.allowBlobPublicAccess),
      why: "Everybody can read a public container.",
      found: ({ properties }) => allowed(properties.allowBlobPublicAccess),
    }),
    plannedCheck({
      ...common,
      id: `storage/${name}-${purpose}/default-action`,
      title: `${name}: the default action of the network rules for ${holds}`,
      expected: shown(template.networkAcls?.defaultAction),
      why: "With Allow, every network reaches the account.",
      found: ({ properties }) => shown(properties.networkAcls?.defaultAction),
    }),
    plannedCheck({
      ...common,
      id: `storage/${name}-${purpose}/networks`,
      title: `${name}: the networks that reach ${holds}`,
      expected: wording(networks),
      why: "Other networks could change the service's data without the service.",
      found: ({ properties: { networkAcls } }) =>
        listed(
          [
            ...(networkAcls?.virtualNetworkRules?.map(({ id }) => id) ?? []),
            ...(networkAcls?.ipRules?.map(({ value }) => value) ?? []),
            ...(networkAcls?.resourceAccessRules?.map(({ resourceId }) => resourceId) ?? []).filter(
              (resource) => resource.toLowerCase() !== defender(subscriptionId).toLowerCase(),
            ),
            ...(networkAcls?.bypass === template.networkAcls?.bypass ? [] : [`bypass: ${shown(networkAcls?.bypass)}`]),
          ],
          networks,
        ),
    }),
    plannedCheck({
      ...common,
      id: `storage/${name}-${purpose}/signatures`,
      title: `${name}: the lifetime of shared access signatures for ${holds}`,
      expected: signatures(template.sasPolicy),
      why: "A leaked signature opens the account until it expires.",
      found: ({ properties }) => signatures(properties.sasPolicy),
    }),
    plannedCheck({
      ...common,
      id: `storage/${name}-${purpose}/tls`,
      title: `${name}: encryption in transit to ${holds}`,
      expected: encryption(template),
      why: "Without it, tokens for storage can be read in transit.",
      found: ({ properties }) => encryption(properties),
    }),
    plannedCheck({
      ...common,
      id: `storage/${name}-${purpose}/data-roles`,
      title: `${name}: roles to read or write ${holds}`,
      read: () =>
        together({
          roles: azure.dataRoles(purpose),
          identity: azure.identity,
          isScanned: member(read, ({ properties }) =>
            (properties.networkAcls?.resourceAccessRules ?? []).some(
              ({ resourceId }) => resourceId.toLowerCase() === defender(subscriptionId).toLowerCase(),
            ),
          ),
        }),
      expected: ownRoles,
      why: "Other principals with a role on the data can change it without the service and its token check.",
      found: (there) => {
        const missing = roles.filter(
          (role) => !there.roles.some((one) => isOwn(one, there.identity) && one.roleId === role),
        );
        const others = foreign(there.roles, there.identity, there.isScanned);
        return (
          [
            ...missing.map((role) => `missing: the role ${role} for its identity`),
            ...others.map((one) => `${one.principalType} ${one.principalId} has ${one.roleName} on ${one.scope}`),
          ].join("; ") || ownRoles
        );
      },
      fix: (there) =>
        foreign(there.roles, there.identity, there.isScanned)
          .map(({ assignmentId }) => `az role assignment delete --ids ${assignmentId}`)
          .join("\n") || PROVISION,
    }),
  ];

  function isOwn(role: DataRole, { principalId }: { readonly principalId: string }): boolean {
    return role.principalId === principalId && roles.includes(role.roleId);
  }

  /** @param isScanned whether Defender is in the account's network rules, and may have its role */
  function foreign(
    all: readonly DataRole[],
    identity: { readonly principalId: string },
    isScanned: boolean,
  ): DataRole[] {
    return all.filter((role) => !isOwn(role, identity) && !(isScanned && role.roleId === DEFENDER_ROLE));
  }
}

function allowed(value: boolean | null | undefined): string {
  return value === undefined || value === null ? "not set" : value ? "allowed" : "not allowed";
}

interface SasPolicy {
  readonly sasExpirationPeriod?: string | null | undefined;
  readonly expirationAction?: string | null | undefined;
}

function signatures(policy: SasPolicy | null | undefined): string {
  return `${shown(policy?.sasExpirationPeriod)}; longer ones: ${shown(policy?.expirationAction)}`;
}

interface Encryption {
  readonly supportsHttpsTrafficOnly?: boolean | null | undefined;
  readonly minimumTlsVersion?: string | null | undefined;
}

function encryption({ supportsHttpsTrafficOnly, minimumTlsVersion }: Encryption): string {
  return `HTTPS only: ${shown(supportsHttpsTrafficOnly)}; at least ${shown(minimumTlsVersion)}`;
}
