/** The rules of identities, role assignments and Microsoft Graph resources. */
import type { Resource } from "../../../infra/snapshot.ts";
import { inGroup } from "../finding.ts";
import { exact, harmless, IDENTIFYING, isObject, members, ordered, own, type Rules, set } from "../rules.ts";
import { byMember, common, hidden, type ResourceRules, texts } from "./resource-rules.ts";

const REGISTRATION = "app registration";

/** https://learn.microsoft.com/graph/api/resources/approle */
const appRole: Rules = {
  // Assignments name the id.
  id: IDENTIFYING,
  value: exact("value"),
  displayName: harmless("a text for people"),
  description: harmless("a text for people"),
  allowedMemberTypes: set("allowed member type", texts, { usual: "Application" }),
  isEnabled: ordered("state", [false, true], { usual: true }),
};

/** https://learn.microsoft.com/graph/api/resources/application */
const application: Rules = {
  ...common,
  "properties.uniqueName": IDENTIFYING,
  "properties.displayName": harmless("a text for people"),
  "properties.description": harmless("a text for people"),
  "properties.serviceManagementReference": harmless("a text for people"),
  "properties.signInAudience": ordered("tenants", [
    ...["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount"],
  ]),
  "properties.identifierUris": set("App ID URI", texts),
  "properties.api.requestedAccessTokenVersion": exact("version of access tokens"),
  // Nobody holds a new role yet.
  "properties.appRoles": members(
    "app role",
    textIn("id"),
    (role) => `app role ${textIn("value")(role) ?? "?"}`,
    appRole,
    { added: "changed" },
  ),
  "properties.optionalClaims.accessToken": set("optional claim", byMember(["name"]), {
    added: "changed",
    removed: "weakened",
  }),
  "properties.passwordCredentials": set("client secret", hidden),
  "properties.keyCredentials": set("certificate", hidden),
};

/** https://learn.microsoft.com/entra/workload-id/workload-identity-federation */
const federation: Rules = {
  "properties.issuer": exact("trusted token"),
  "properties.subject": exact("trusted token"),
  "properties.audiences": set("audience", texts, { absent: "any" }),
};

export const accessKinds: Readonly<Record<string, ResourceRules>> = {
  // An identity can do nothing without an assignment, which is a resource of its own.
  "Microsoft.ManagedIdentity/userAssignedIdentities": {
    kind: "managed identity",
    added: "changed",
    removed: "closed",
    rules: common,
  },
  "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": {
    kind: "federated credential",
    added: "opened",
    removed: "closed",
    rules: { ...common, ...federation },
  },
  // https://learn.microsoft.com/azure/role-based-access-control/role-definitions
  "Microsoft.Authorization/roleDefinitions": {
    kind: "Azure role definition",
    added: "opened",
    removed: "closed",
    rules: {
      ...common,
      "properties.roleName": harmless("a text for people"),
      "properties.description": harmless("a text for people"),
      "properties.type": exact("actions of a role"),
      "properties.permissions": exact("actions of a role"),
      "properties.assignableScopes": set("scope of a role", texts),
    },
  },
  "Microsoft.Authorization/roleAssignments": {
    kind: "Azure role",
    added: "opened",
    removed: "closed",
    keyOf: azureRoleOf,
    inWords: azureRoleOf,
    rules: {
      ...common,
      "properties.roleDefinitionId": IDENTIFYING,
      "properties.principalId": IDENTIFYING,
      "properties.principalType": exact("permission"),
      "properties.description": harmless("a text for people"),
      "properties.condition": exact("permission"),
      "properties.conditionVersion": exact("permission"),
    },
  },
  "Microsoft.Graph/applications@v1.0": {
    kind: REGISTRATION,
    added: "opened",
    removed: "closed",
    keyOf: textAt("uniqueName"),
    inWords: textAt("uniqueName"),
    rules: application,
  },
  "Microsoft.Graph/servicePrincipals@v1.0": {
    kind: "service principal",
    added: "opened",
    removed: "closed",
    keyOf: textAt("appId"),
    inWords: textAt("appId"),
    rules: {
      ...common,
      "properties.appId": IDENTIFYING,
      "properties.appRoleAssignmentRequired": ordered("tokens without assignment", [true, false]),
    },
  },
  "Microsoft.Graph/applications/federatedIdentityCredentials@v1.0": {
    kind: "federated credential",
    added: "opened",
    removed: "closed",
    keyOf: textAt("name"),
    inWords: textAt("name"),
    rules: {
      ...common,
      "properties.name": IDENTIFYING,
      "properties.description": harmless("a text for people"),
      ...federation,
    },
  },
  "Microsoft.Graph/appRoleAssignedTo@v1.0": {
    kind: "app role assignment",
    added: "opened",
    removed: "closed",
    keyOf: assignmentOf,
    inWords: assignmentOf,
    rules: {
      ...common,
      "properties.appRoleId": IDENTIFYING,
      "properties.principalId": IDENTIFYING,
      "properties.resourceId": IDENTIFYING,
    },
  },
};

/** https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
const BUILT_IN: Readonly<Record<string, string>> = {
  "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
  "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
  "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
  "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
  "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
  "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
  "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
};

/** Of the subscription of the snapshots (infra/evaluate.ts). A role of another scope is shown with it. */
const ROLES = "/subscriptions/00000000-0000-0000-0000-000000000001/providers/Microsoft.Authorization/roleDefinitions/";

/** Who has which role where. The id of an assignment is an expression that contains its scope. */
function azureRoleOf({ id = "", properties }: Resource): string {
  const scope = /^\[extensionResourceId\('([^']*)'/.exec(id)?.[1] ?? id.split("/providers/Microsoft.Authorization/")[0];
  const definition = textOf(properties, "roleDefinitionId");
  const role = definition.startsWith(ROLES) ? definition.slice(ROLES.length) : definition;
  const name = own(BUILT_IN, role);
  return `${inGroup(textOf(properties, "principalId"))}: ${name === undefined ? role : `${name} (${role})`} on ${inGroup(scope ?? "?")}`;
}

function assignmentOf({ properties }: Resource): string {
  const principal = inGroup(textOf(properties, "principalId"));
  return `${principal}: ${textOf(properties, "appRoleId")} of ${textOf(properties, "resourceId")}`;
}

function textAt(name: string): (resource: Resource) => string {
  return ({ properties }) => textOf(properties, name);
}

/** A text of a resource's properties; any other value as JSON, so that two of them differ. */
function textOf(properties: unknown, name: string): string {
  const value = isObject(properties) ? own(properties, name) : undefined;
  return value === undefined ? "?" : typeof value === "string" ? value : JSON.stringify(value);
}

function textIn(name: string): (member: unknown) => string | undefined {
  return (member) => (isObject(member) && typeof member[name] === "string" ? member[name] : undefined);
}
