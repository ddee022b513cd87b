import type { StorageAccountProperties } from "../../../infra/snapshot.ts";
import { listed, type PlannedCheck, question, shown, wording } from "../check.ts";
import { PROVISION, type Scene, type SceneService } from "../scene.ts";

/** Whose a service's storage is, and what opens it: the accounts that its settings name, in its resource group. */
export function storageChecks(_scene: Scene, service: SceneService): PlannedCheck[] {
  const { hostAccount, dataAccount } = service.expected;
  return [
    ...accountChecks(service, "host", "what the Functions host keeps", hostAccount),
    ...accountChecks(service, "data", "its data", dataAccount),
  ];
}

function accountChecks(
  { name, expected, azure }: SceneService,
  purpose: "host" | "data",
  holds: string,
  template: StorageAccountProperties,
): PlannedCheck[] {
  const read = azure.account(purpose);
  const common = {
    resource: `the storage account for ${holds} that the settings of ${expected.siteId} name`,
    read,
    mend: PROVISION,
  };
  const networks = [expected.subnetId];
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
            ...(networkAcls?.resourceAccessRules?.map(({ resourceId }) => resourceId) ?? []),
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
  ];
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
