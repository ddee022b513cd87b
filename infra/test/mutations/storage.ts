import { subnetIdOf, type Snapshot } from "../../snapshot.ts";
import { setting, account, remove, add, CALLER, CALLEE, there, mutationsOf } from "./change.ts";

export const storageMutations = mutationsOf({
  "every service has two storage accounts of its own: one for the host, one for data": {
    "a further account": add("Microsoft.Storage/storageAccounts", { name: "further" }),
  },
  "the account of a service's data accepts no account key": {
    "shared key access on": account("stdata", (properties) => {
      properties.allowSharedKeyAccess = true;
    }),
  },
  "the account of the host accepts an account key only if a content share needs one": {
    "shared key access without a content share": {
      in: "dedicated",
      change: account("sthost", (properties) => {
        properties.allowSharedKeyAccess = true;
      }),
    },
  },
  "storage allows the service's subnet and no other network": {
    "data open to all networks": account("stdata", ({ networkAcls }) => {
      there(networkAcls).defaultAction = "Allow";
    }),
    "the host's account open to Azure services": account("sthost", ({ networkAcls }) => {
      there(networkAcls).bypass = "AzureServices";
    }),
    "another service's subnet allowed": (snapshot: Snapshot): void => {
      const id = subnetIdOf(snapshot, CALLER);
      account("stdata", ({ networkAcls }) => {
        networkAcls?.virtualNetworkRules?.push({ id });
      })(snapshot);
    },
  },
  "storage accepts no anonymous and no unencrypted request": {
    "TLS 1.0": account("stdata", (properties) => {
      properties.minimumTlsVersion = "TLS1_0";
    }),
    "anonymous blobs": account("sthost", (properties) => {
      properties.allowBlobPublicAccess = true;
    }),
  },
  "a shared access signature is valid for at most 7 days, and the key policy is 90 days": {
    "longer signatures that are only logged": account("stdata", ({ sasPolicy }) => {
      there(sasPolicy).expirationAction = "Log";
    }),
    "no key policy": account("sthost", (properties) => {
      delete properties.keyPolicy;
    }),
  },
  "the Functions host reaches its storage as the service's identity": {
    "no identity named": setting("AzureWebJobsStorage__clientId", ""),
  },
  "an Elastic Premium app's files are in a share that exists before the app": {
    "no share": remove("Microsoft.Storage/storageAccounts/fileServices/shares", `${CALLEE}-content`),
  },
});
