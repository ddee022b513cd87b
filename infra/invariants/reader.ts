/** The invariants of reader.bicep: what the identity of the nightly verification may do, and who may use it. */
import { resources, type Snapshot } from "../snapshot.ts";
import { same } from "./services.ts";

export interface ReaderInvariant {
  /** The rule, as a sentence about the identity. */
  readonly name: string;
  /** Returns the violations. */
  readonly check: (snapshot: Snapshot) => string[];
}

const IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities";
const FEDERATION = `${IDENTITY}/federatedIdentityCredentials` as const;
const ROLE = "Microsoft.Authorization/roleDefinitions";
const ASSIGNMENT = "Microsoft.Authorization/roleAssignments";
const DIRECTORY = "Microsoft.Graph/appRoleAssignedTo@v1.0";

/** Application.Read.All: https://learn.microsoft.com/graph/permissions-reference#applicationreadall */
const READ_APPLICATIONS = "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30";

/** The only action that is no read: Resource Manager has no GET for it, and its response has no secret. */
const LIST = `${IDENTITY}/listAssociatedResources/action`;

export const readerInvariants: readonly ReaderInvariant[] = [
  {
    name: "there is one identity, one role with one assignment, and one permission in the directory",
    check: ({ predictedResources }) =>
      same(
        "resources",
        predictedResources.map(({ type }) => type).sort(),
        [IDENTITY, FEDERATION, ROLE, ASSIGNMENT, DIRECTORY].sort(),
      ),
  },
  {
    name: "only runs in one GitHub environment may act as the identity",
    check: (snapshot) =>
      resources(snapshot, FEDERATION).flatMap(({ properties }) => [
        ...same("issuer", properties?.issuer, "https://token.actions.githubusercontent.com"),
        ...same("subject", properties?.subject, "repo:owner/repository:environment:nightly"),
        ...same("audiences", properties?.audiences, ["api://AzureADTokenExchange"]),
      ]),
  },
  {
    name: "the role reads: it has no wildcard, no write, no key, no secret and no data",
    check: (snapshot) =>
      resources(snapshot, ROLE).flatMap(({ properties }) => {
        const { permissions = [] } = properties ?? {};
        return [
          ...same("permissions", permissions.length, 1),
          ...permissions.flatMap(({ actions = [], dataActions, notActions, notDataActions }) => [
            ...same("actions that do not only read", actions.filter((action) => !isRead(action)).sort(), []),
            ...same("data actions", dataActions, []),
            ...same("exceptions", [notActions, notDataActions], [[], []]),
          ]),
        ];
      }),
  },
  {
    name: "the role applies to the resource group only",
    check: (snapshot: Snapshot): string[] => {
      const [role] = resources(snapshot, ROLE);
      const [assignment] = resources(snapshot, ASSIGNMENT);
      const group = role?.id?.split("/providers/")[0];
      return [
        ...same("assignable scopes", role?.properties?.assignableScopes, [group]),
        ...same(
          "scope of the assignment",
          assignment?.id,
          `${group ?? "?"}/providers/${ASSIGNMENT}/${assignment?.name ?? "?"}`,
        ),
        ...same("assigned role", assignment?.properties?.roleDefinitionId, role?.id),
      ];
    },
  },
  {
    name: "Azure and the directory grant these to the identity, and in the directory only to read app registrations",
    check: (snapshot: Snapshot): string[] => {
      const [identity] = resources(snapshot, IDENTITY);
      const principal = `[reference('${identity?.id ?? "?"}', '${identity?.apiVersion ?? "?"}').principalId]`;
      const [permission] = resources(snapshot, DIRECTORY);
      return [
        ...same("principal of the role", resources(snapshot, ASSIGNMENT)[0]?.properties?.principalId, principal),
        ...same("principal in the directory", permission?.properties?.principalId, principal),
        ...same("permission", permission?.properties?.appRoleId, READ_APPLICATIONS),
        ...same("of", permission?.properties?.resourceId, "[reference('graph').id]"),
      ];
    },
  },
];

/** Some actions that end in read return keys or tokens: https://learn.microsoft.com/azure/role-based-access-control/permissions/web-and-mobile */
function isRead(action: string): boolean {
  if (action === LIST) return true;
  return (
    /^Microsoft\.\w+(\/\w+)+\/read$/.test(action) &&
    !/key|secret|token|publishxml|appsettings|hostruntime/i.test(action)
  );
}
