import { subnetIdOf, type Snapshot } from "../../snapshot.ts";
import { setting, account, remove, add, CALLER, CALLEE, there, type Mutation } from "./change.ts";

export const storageMutations: readonly Mutation[] = [
  {
    breaks: "every service has two storage accounts of its own: one for the host, one for data",
    by: "a further account",
    change: add("Microsoft.Storage/storageAccounts", { name: "further" }),
  },
  {
    breaks: "no storage key opens a service's data",
    by: "shared key access on",
    change: account("stdata", (properties) => {
      properties.allowSharedKeyAccess = true;
    }),
  },
  {
    breaks: "a storage key opens the host's account only where a content share needs one",
    by: "shared key access without a content share",
    in: "dedicated",
    change: account("sthost", (properties) => {
      properties.allowSharedKeyAccess = true;
    }),
  },
  {
    breaks: "storage answers to the service's own subnet and to no other network",
    by: "data open to all networks",
    change: account("stdata", ({ networkAcls }) => {
      there(networkAcls).defaultAction = "Allow";
    }),
  },
  {
    breaks: "storage answers to the service's own subnet and to no other network",
    by: "the host's account open to Azure services",
    change: account("sthost", ({ networkAcls }) => {
      there(networkAcls).bypass = "AzureServices";
    }),
  },
  {
    breaks: "storage answers to the service's own subnet and to no other network",
    by: "another service's subnet let in",
    change: (snapshot: Snapshot): void => {
      const id = subnetIdOf(snapshot, CALLER);
      account("stdata", ({ networkAcls }) => {
        networkAcls?.virtualNetworkRules?.push({ id });
      })(snapshot);
    },
  },
  {
    breaks: "storage takes no anonymous and no unencrypted requests",
    by: "TLS 1.0",
    change: account("stdata", (properties) => {
      properties.minimumTlsVersion = "TLS1_0";
    }),
  },
  {
    breaks: "storage takes no anonymous and no unencrypted requests",
    by: "anonymous blobs",
    change: account("sthost", (properties) => {
      properties.allowBlobPublicAccess = true;
    }),
  },
  {
    breaks: "a shared access signature is good for 7 days at most, and a key is to be renewed after 90",
    by: "longer signatures that are only logged",
    change: account("stdata", ({ sasPolicy }) => {
      there(sasPolicy).expirationAction = "Log";
    }),
  },
  {
    breaks: "a shared access signature is good for 7 days at most, and a key is to be renewed after 90",
    by: "no key policy",
    change: account("sthost", (properties) => {
      delete properties.keyPolicy;
    }),
  },
  {
    breaks: "the Functions host reaches its storage as the service's identity",
    by: "no identity named",
    change: setting("AzureWebJobsStorage__clientId", ""),
  },
  {
    breaks: "an Elastic Premium app's files are in a share that exists before the app",
    by: "no share",
    change: remove("Microsoft.Storage/storageAccounts/fileServices/shares", `${CALLEE}-content`),
  },
];
