/** The invariants of the storage accounts: owner, networks and credentials. */
import { resources } from "../snapshot.ts";
import { invariant, type Invariant } from "./invariant.ts";
import { asksFor, forEachService, same } from "./services.ts";

export const storageInvariants: readonly Invariant[] = [
  invariant(
    "every service has two storage accounts of its own: one for the host, one for data",
    (snapshot, expected) => {
      const perService = forEachService(({ name, hostAccount, dataAccount }) =>
        hostAccount !== undefined && dataAccount !== undefined && hostAccount !== dataAccount
          ? []
          : [`${name}: its settings do not name two storage accounts of this deployment`],
      )(snapshot, expected);
      const accounts = resources(snapshot, "Microsoft.Storage/storageAccounts").length;
      return [...perService, ...same("storage accounts", accounts, 2 * Object.keys(expected.policy.services).length)];
    },
  ),
  invariant(
    "the account of a service's data accepts no account key",
    forEachService(({ name, dataAccount }) =>
      same(`${name}: shared key access to data`, dataAccount?.properties?.allowSharedKeyAccess, false),
    ),
  ),
  invariant(
    "the account of the host accepts an account key only if a content share needs one",
    forEachService(({ name, hostAccount }, { parameters: { plan } }) =>
      same(
        `${name}: shared key access to the host's account`,
        hostAccount?.properties?.allowSharedKeyAccess,
        plan.kind === "ElasticPremium",
      ),
    ),
  ),
  invariant(
    "storage allows the service's subnet and no other network",
    forEachService(({ name, hostAccount, dataAccount, subnetId }) =>
      [hostAccount, dataAccount].flatMap((account) =>
        same(`${name}: networks of ${account?.name ?? "its storage"}`, account?.properties?.networkAcls, {
          defaultAction: "Deny",
          bypass: "None",
          virtualNetworkRules: [{ id: subnetId }],
        }),
      ),
    ),
  ),
  invariant(
    "storage accepts no anonymous and no unencrypted request",
    forEachService(({ name, hostAccount, dataAccount }) =>
      [hostAccount, dataAccount].flatMap((account) => {
        const where = `${name}: ${account?.name ?? "its storage"}`;
        const { allowBlobPublicAccess, supportsHttpsTrafficOnly, minimumTlsVersion } = account?.properties ?? {};
        return [
          ...same(`${where}, anonymous blobs`, allowBlobPublicAccess, false),
          ...same(`${where}, HTTPS only`, supportsHttpsTrafficOnly, true),
          ...same(`${where}, TLS`, minimumTlsVersion, "TLS1_2"),
        ];
      }),
    ),
  ),
  invariant(
    "a shared access signature is valid for at most 7 days, and the key policy is 90 days",
    forEachService(({ name, hostAccount, dataAccount }) =>
      [hostAccount, dataAccount].flatMap((account) => {
        const where = `${name}: ${account?.name ?? "its storage"}`;
        const { sasPolicy, keyPolicy } = account?.properties ?? {};
        return [
          ...same(`${where}, signatures`, sasPolicy, { sasExpirationPeriod: "7.00:00:00", expirationAction: "Block" }),
          ...same(`${where}, keys`, keyPolicy, { keyExpirationPeriodInDays: 90 }),
        ];
      }),
    ),
  ),
  invariant(
    "the Functions host reaches its storage as the service's identity",
    forEachService(({ name, settings, identityId }) => [
      ...same(`${name}: credential`, settings["AzureWebJobsStorage__credential"], "managedidentity"),
      ...same(`${name}: identity`, asksFor(settings["AzureWebJobsStorage__clientId"], identityId, "clientId"), true),
      ...same(`${name}: connection string`, settings["AzureWebJobsStorage"], undefined),
    ]),
  ),
  invariant(
    "an Elastic Premium app's files are in a share that exists before the app",
    forEachService(({ name, settings, hostAccount }, { parameters: { plan } }, snapshot) => {
      const shares = resources(snapshot, "Microsoft.Storage/storageAccounts/fileServices/shares").map(
        (share) => share.name,
      );
      const ownShares = shares.filter((share) => share?.startsWith(`${hostAccount?.name ?? "?"}/`));
      const share = settings["WEBSITE_CONTENTSHARE"];
      if (plan.kind === "Dedicated") {
        return [...same(`${name}: shares`, ownShares, []), ...same(`${name}: share in use`, share, undefined)];
      }
      return same(`${name}: shares`, ownShares, [`${hostAccount?.name ?? "?"}/default/${share ?? "?"}`]);
    }),
  ),
];
