import { listed, type PlannedCheck, question, shown, wording } from "../check.ts";
import type { Deployment } from "../environment.ts";
import { member, together } from "../azure/reading.ts";
import type { DataRole } from "../azure/resources.ts";
import { PROVISION, provisionUnlessPolicy, type Scene, type SceneService } from "../view.ts";
import type { AccountPurpose } from "../expected.ts";

/** Whose a service's storage is, and what opens it: the accounts that its settings name, in its resource group. */
export function storageChecks({ deployment }: Scene, service: SceneService): PlannedCheck[] {
  return [
    ...accountChecks(service, "host", "what the Functions host keeps", deployment),
    ...accountChecks(service, "data", "its data", deployment),
  ];
}

/** Microsoft Defender for Storage scans as this, and puts it into the rules of every account that it protects. */
function defender(subscriptionId: string): string {
  return `/subscriptions/${subscriptionId}/providers/Microsoft.Security/datascanners/storageDataScanner`;
}
/** Defender for Storage Data Scanner, the role that it reads blobs by. */
const DEFENDER_ROLE = "1e7ca9b1-60d1-4db8-a914-f2ca1ff27c40";

function accountChecks(
  { name, expected, azure }: SceneService,
  purpose: AccountPurpose,
  holds: string,
  deployment: Deployment,
): PlannedCheck[] {
  const { subscriptionId } = deployment;
  const read = azure.account(purpose);
  const { properties: template, roles } = expected.accounts[purpose];
  const common = {
    resource: `the storage account for ${holds} that the settings of ${expected.siteId} name`,
    read,
    mend: PROVISION,
  };
  const networks = [expected.subnetId];
  const ownRoles = "the identity of the service, by the roles of the template";
  return [
    question({
      ...common,
      id: `storage/${name}-${purpose}/exists`,
      title: `${name}: the storage account for ${holds}`,
      expected: "is there, in the resource group",
      why: "Storage elsewhere is somebody else's to read and to change.",
      found: () => "is there, in the resource group",
      mustExist: true,
    }),
    question({
      ...common,
      id: `storage/${name}-${purpose}/shared-key`,
      title: `${name}: account keys for ${holds}`,
      expected: allowed(template.allowSharedKeyAccess),
      why: "Whoever has a key has all of the account, as nobody in particular.",
      // What is not set is allowed: https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent
      found: ({ properties }) => allowed(properties.allowSharedKeyAccess ?? true),
      mend: provisionUnlessPolicy(deployment),
    }),
    question({
      ...common,
      id: `storage/${name}-${purpose}/public-blobs`,
      title: `${name}: anonymous reading of ${holds}`,
      expected: allowed(template.allowBlobPublicAccess),
      why: "A container that is made public could be read by everybody.",
      found: ({ properties }) => allowed(properties.allowBlobPublicAccess),
    }),
    question({
      ...common,
      id: `storage/${name}-${purpose}/default-action`,
      title: `${name}: other networks, to ${holds}`,
      expected: shown(template.networkAcls?.defaultAction),
      why: "With Allow, every network reaches the account.",
      found: ({ properties }) => shown(properties.networkAcls?.defaultAction),
    }),
    question({
      ...common,
      id: `storage/${name}-${purpose}/networks`,
      title: `${name}: the networks that reach ${holds}`,
      expected: wording(networks),
      why: "Stock and orders could be changed from there, past the service.",
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
    question({
      ...common,
      id: `storage/${name}-${purpose}/signatures`,
      title: `${name}: how long shared access signatures for ${holds} are good`,
      expected: signatures(template.sasPolicy),
      why: "A signature that leaks opens the account until it ends.",
      found: ({ properties }) => signatures(properties.sasPolicy),
    }),
    question({
      ...common,
      id: `storage/${name}-${purpose}/tls`,
      title: `${name}: encryption on the way to ${holds}`,
      expected: encryption(template),
      why: "Without it, tokens for storage can be read on the way.",
      found: ({ properties }) => encryption(properties),
    }),
    question({
      ...common,
      id: `storage/${name}-${purpose}/data-roles`,
      title: `${name}: who may read or write ${holds}`,
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
      why: "Whoever else has a role on the data changes it past the service, and past its check of tokens.",
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
      mend: (there) =>
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
