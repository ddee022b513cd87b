import { expectedOf } from "../expected.ts";
import { resources, type Snapshot } from "../../snapshot.ts";
import { config, setting, resource, remove, add, application, CALLER, CALLEE, there, type Mutation } from "./change.ts";

const { roles = {}, callers = {} } = expectedOf("default").policy.services[CALLEE] ?? {};
const granted = callers[CALLER] ?? [];
const idOf = (isWanted: (role: string) => boolean): string =>
  Object.entries(roles).find(([role]) => isWanted(role))?.[1].id ?? "00000000-0000-0000-0000-000000000000";

const roleIds = {
  granted: idOf((role) => granted.includes(role)),
  other: idOf((role) => !granted.includes(role)),
};

export const accessMutations: readonly Mutation[] = [
  {
    breaks: "an identity has built-in Azure roles on its own storage and on Application Insights, and nothing else",
    by: "Contributor on the resource group",
    change: (snapshot: Snapshot): void => {
      const principalId = resources(snapshot, "Microsoft.Authorization/roleAssignments")[0]?.properties?.principalId;
      add("Microsoft.Authorization/roleAssignments", {
        name: there(principalId),
        id: "/subscriptions/x/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments/y",
        properties: { roleDefinitionId: "b24988ac-6180-42a0-ab88-20f7382dd24c", principalId: there(principalId) },
      })(snapshot);
    },
  },
  {
    breaks: "an identity has built-in Azure roles on its own storage and on Application Insights, and nothing else",
    by: "no role on the data",
    change: remove("Microsoft.Authorization/roleAssignments", "reads and writes its tables"),
  },
  {
    breaks: "an identity that is created again gets role assignments of its own",
    by: "a name that stays the same",
    change: resource("Microsoft.Authorization/roleAssignments", "guid", (_properties, assignment) => {
      assignment.name = "[guid('always', 'the', 'same')]";
    }),
  },
  {
    breaks: "every service with roles is an API of this tenant with v2.0 tokens, and exposes its roles to apps only",
    by: "a role for users",
    change: application(({ appRoles }) => {
      there(appRoles?.[0]).allowedMemberTypes = ["User", "Application"];
    }),
  },
  {
    breaks: "every service with roles is an API of this tenant with v2.0 tokens, and exposes its roles to apps only",
    by: "v1.0 tokens",
    change: application(({ api }) => {
      there(api).requestedAccessTokenVersion = 1;
    }),
  },
  {
    breaks: "every service with roles is an API of this tenant with v2.0 tokens, and exposes its roles to apps only",
    by: "callers of other tenants",
    change: application((properties) => {
      properties.signInAudience = "AzureADMultipleOrgs";
    }),
  },
  {
    breaks: "an API's tokens say that they are for an app",
    by: "no optional claim",
    change: application(({ optionalClaims }) => {
      there(optionalClaims).accessToken = [];
    }),
  },
  {
    breaks: "app registrations hold no secret and no certificate",
    by: "a password",
    change: application((properties) => {
      properties.passwordCredentials = [{}];
    }),
  },
  {
    breaks: "an unassigned client gets no token for an API",
    by: "assignment not required",
    change: resource("Microsoft.Graph/servicePrincipals@v1.0", "application[0]", (properties) => {
      properties.appRoleAssignmentRequired = false;
    }),
  },
  {
    breaks: "callers are granted the roles that the policy gives them, and nobody anything else",
    by: "one role more",
    change: (snapshot: Snapshot): void => {
      const [assignment] = resources(snapshot, "Microsoft.Graph/appRoleAssignedTo@v1.0");
      add("Microsoft.Graph/appRoleAssignedTo@v1.0", {
        properties: { ...assignment?.properties, appRoleId: roleIds.other },
      })(snapshot);
    },
  },
  {
    breaks: "callers are granted the roles that the policy gives them, and nobody anything else",
    by: "one role less",
    change: remove("Microsoft.Graph/appRoleAssignedTo@v1.0", roleIds.granted),
  },
  {
    breaks: "callers are granted the roles that the policy gives them, and nobody anything else",
    by: "somebody else granted",
    change: resource("Microsoft.Graph/appRoleAssignedTo@v1.0", roleIds.granted, (properties) => {
      properties.principalId = there(properties.principalId).replaceAll(CALLER, "stranger");
    }),
  },
  {
    breaks: "a directory that an administrator has prepared is left alone",
    by: "an assignment",
    in: "dedicated",
    change: add("Microsoft.Graph/appRoleAssignedTo@v1.0", { properties: {} }),
  },
  {
    breaks: "a caller's app registration trusts the caller's identity and nothing else",
    by: "the callee's identity trusted",
    in: "everything",
    change: resource("Microsoft.Graph/applications/federatedIdentityCredentials@v1.0", CALLER, (properties) => {
      properties.subject = there(properties.subject).replaceAll(CALLER, CALLEE);
    }),
  },
  {
    breaks: "a callee's allow-list and audiences are those of the policy",
    by: "the callee itself on its allow-list",
    change: config(({ appSettings = [] }) => {
      const list = there(appSettings.find(({ name }) => name === "ALLOWED_CALLERS"));
      list.value = list.value.replaceAll(CALLER, CALLEE);
    }),
  },
  {
    breaks: "a callee's allow-list and audiences are those of the policy",
    by: "another App ID URI",
    change: setting("API_IDENTIFIER_URI", "api://somebody/else"),
  },
  {
    breaks: "a caller knows where its callees are, and asks for tokens for them",
    by: "a token for something else",
    change: setting("CALLEE_SCOPE", "https://graph.microsoft.com/.default", CALLER),
  },
  {
    breaks: "App Service Authentication, where asked for, refuses what the app would refuse",
    by: "a login page in place of 401",
    in: "everything",
    change: resource("Microsoft.Web/sites/config", "authsettingsV2", ({ globalValidation }) => {
      there(globalValidation).unauthenticatedClientAction = "RedirectToLoginPage";
    }),
  },
  {
    breaks: "App Service Authentication, where asked for, refuses what the app would refuse",
    by: "any application let in",
    in: "everything",
    change: resource("Microsoft.Web/sites/config", "authsettingsV2", ({ identityProviders }) => {
      delete identityProviders?.azureActiveDirectory?.validation?.defaultAuthorizationPolicy;
    }),
  },
];
