/** The identity of the nightly verification: what the evaluated reader.bicep gives it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readerInvariants } from "../invariants/reader.ts";
import { type PropertiesByType, type Resource, readSnapshot, resources, type Snapshot } from "../snapshot.ts";

const broken = (snapshot: Snapshot): string[] =>
  readerInvariants.filter(({ check }) => check(snapshot).length > 0).map(({ name }) => name);

describe("the evaluated template of the reader", () => {
  it.each(readerInvariants)("keeps: $name", ({ check }) => {
    expect(check(readSnapshot("reader"))).toEqual([]);
  });

  it("names Microsoft Graph, whose permission it grants", () => {
    const template = readFileSync(join(import.meta.dirname, "..", "reader.bicep"), "utf8");
    expect(template).toMatch(
      /resource graph '.*' existing = \{\n {2}appId: '00000003-0000-0000-c000-000000000000'\n\}/,
    );
  });
});

const [COUNT, FEDERATION, READS, SCOPE, PRINCIPAL] = readerInvariants.map(({ name }) => name);

/** Changes the only resource of a type. */
const change =
  <Type extends keyof PropertiesByType>(
    type: Type,
    make: (properties: PropertiesByType[Type], resource: Resource<PropertiesByType[Type]>) => void,
  ) =>
  (snapshot: Snapshot): void => {
    const [found] = resources(snapshot, type);
    if (found?.properties === undefined) throw new Error(`The snapshot has no ${type}: adapt the mutation.`);
    make(found.properties, found);
  };

const role = (make: (role: PropertiesByType["Microsoft.Authorization/roleDefinitions"]) => void) =>
  change("Microsoft.Authorization/roleDefinitions", make);

const more = (action: string) =>
  role(({ permissions }) => {
    permissions?.[0]?.actions?.push(action);
  });

const federation = (
  make: (
    credential: PropertiesByType["Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"],
  ) => void,
) => change("Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials", make);

describe("a reader with one invariant broken", () => {
  it.each<[by: string, breaks: string | undefined, make: (snapshot: Snapshot) => void]>([
    [
      "a second role assignment",
      COUNT,
      ({ predictedResources }) => {
        predictedResources.push({ type: "Microsoft.Authorization/roleAssignments", properties: {} });
      },
    ],
    [
      "another resource",
      COUNT,
      ({ predictedResources }) => {
        predictedResources.push({ type: "Microsoft.Web/sites", properties: {} });
      },
    ],
    ["tokens of pull requests", FEDERATION, federation((one) => (one.subject = "repo:owner/repository:pull_request"))],
    ["another issuer", FEDERATION, federation((one) => (one.issuer = "https://example.com"))],
    ["another audience", FEDERATION, federation((one) => (one.audiences = ["api://other"]))],
    ["a write", READS, more("Microsoft.Web/sites/config/write")],
    ["settings with secrets", READS, more("Microsoft.Web/sites/config/list/action")],
    ["keys of the Functions host", READS, more("Microsoft.Web/sites/host/listkeys/action")],
    ["the master key by a read", READS, more("Microsoft.Web/sites/functions/masterkey/read")],
    ["keys of a storage account", READS, more("Microsoft.Storage/storageAccounts/listKeys/action")],
    ["the wildcard of Reader", READS, more("*/read")],
    ["a wildcard of sites", READS, more("Microsoft.Web/sites/*/read")],
    [
      "a data action",
      READS,
      role(({ permissions }) => {
        permissions?.[0]?.dataActions?.push("Microsoft.Storage/storageAccounts/tableServices/tables/entities/read");
      }),
    ],
    [
      "a second set of permissions",
      READS,
      role(({ permissions }) => {
        permissions?.push({ actions: [], dataActions: [], notActions: [], notDataActions: [] });
      }),
    ],
    ["the subscription", SCOPE, role((one) => (one.assignableScopes = ["/subscriptions/1"]))],
    [
      "the built-in role Owner",
      SCOPE,
      change("Microsoft.Authorization/roleAssignments", (one) => {
        one.roleDefinitionId =
          "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
      }),
    ],
    [
      "another principal",
      PRINCIPAL,
      change("Microsoft.Authorization/roleAssignments", (one) => (one.principalId = "somebody")),
    ],
    [
      "a permission to write in the directory",
      PRINCIPAL,
      change("Microsoft.Graph/appRoleAssignedTo@v1.0", (one) => {
        one.appRoleId = "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9"; // Application.ReadWrite.All
      }),
    ],
  ])("by %s: red is only that one", (_by, breaks, make) => {
    const snapshot = structuredClone(readSnapshot("reader"));
    make(snapshot);
    expect(broken(snapshot)).toEqual([breaks]);
  });
});
