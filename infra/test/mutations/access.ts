import { expectedOf } from "../expected.ts";
import { resources, type Snapshot } from "../../snapshot.ts";
import {
  config,
  setting,
  resource,
  remove,
  add,
  application,
  CALLER,
  CALLEE,
  EXAMPLE,
  there,
  type Mutation,
  mutationsOf,
} from "./change.ts";

const { roles = {}, callers = {} } = expectedOf("default").policy.services[CALLEE] ?? {};
const granted = callers[CALLER] ?? [];
const idOf = (isWanted: (role: string) => boolean): string =>
  Object.entries(roles).find(([role]) => isWanted(role))?.[1].id ?? "00000000-0000-0000-0000-000000000000";

const roleIds = {
  granted: idOf((role) => granted.includes(role)),
  other: idOf((role) => !granted.includes(role)),
};

/** Changes the allow-list of the example's callee. */
const allowed = (change: (list: string) => string): Mutation["change"] =>
  config(({ appSettings = [] }) => {
    const list = there(appSettings.find(({ name }) => name === "ALLOWED_CALLERS"));
    list.value = change(list.value);
  }, EXAMPLE.callee);

export const accessMutations = mutationsOf({
  "an identity has built-in Azure roles on its own storage and on Application Insights, and nothing else": {
    "Contributor on the resource group": (snapshot: Snapshot): void => {
      const principalId = resources(snapshot, "Microsoft.Authorization/roleAssignments")[0]?.properties?.principalId;
      add("Microsoft.Authorization/roleAssignments", {
        name: there(principalId),
        id: "/subscriptions/x/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments/y",
        properties: { roleDefinitionId: "b24988ac-6180-42a0-ab88-20f7382dd24c", principalId: there(principalId) },
      })(snapshot);
    },
    "no role on the data": remove("Microsoft.Authorization/roleAssignments", "reads and writes its tables"),
  },
  "the name of a role assignment depends on the principal": {
    "a name that stays the same": resource(
      "Microsoft.Authorization/roleAssignments",
      "guid",
      (_properties, assignment) => {
        assignment.name = "[guid('always', 'the', 'same')]";
      },
    ),
  },
  "every service with roles is an API of this tenant with v2.0 tokens, and exposes its roles to apps only": {
    "a role for users": application(({ appRoles }) => {
      there(appRoles?.[0]).allowedMemberTypes = ["User", "Application"];
    }),
    "v1.0 tokens": application(({ api }) => {
      there(api).requestedAccessTokenVersion = 1;
    }),
    "callers of other tenants": application((properties) => {
      properties.signInAudience = "AzureADMultipleOrgs";
    }),
  },
  "an API's tokens have the claim idtyp": {
    "no optional claim": application(({ optionalClaims }) => {
      there(optionalClaims).accessToken = [];
    }),
  },
  "app registrations hold no secret and no certificate": {
    "a password": application((properties) => {
      properties.passwordCredentials = [{}];
    }),
  },
  "an unassigned client gets no token for an API": {
    "assignment not required": resource("Microsoft.Graph/servicePrincipals@v1.0", "application[0]", (properties) => {
      properties.appRoleAssignmentRequired = false;
    }),
  },
  "callers have the app roles of the policy, and no identity has another one": {
    "one role more": (snapshot: Snapshot): void => {
      const [assignment] = resources(snapshot, "Microsoft.Graph/appRoleAssignedTo@v1.0");
      add("Microsoft.Graph/appRoleAssignedTo@v1.0", {
        properties: { ...assignment?.properties, appRoleId: roleIds.other },
      })(snapshot);
    },
    "one role less": remove("Microsoft.Graph/appRoleAssignedTo@v1.0", roleIds.granted),
    "another identity granted": resource("Microsoft.Graph/appRoleAssignedTo@v1.0", roleIds.granted, (properties) => {
      properties.principalId = there(properties.principalId).replace(/(?<=\/)id-[^/']+/, "stranger");
    }),
    "an external caller's client id in place of its object id": {
      in: "example-default",
      change: resource("Microsoft.Graph/appRoleAssignedTo@v1.0", EXAMPLE.withSubnet.objectId, (properties) => {
        properties.principalId = EXAMPLE.withSubnet.clientId;
      }),
    },
    "an external caller without its role": {
      in: "example-everything",
      change: remove("Microsoft.Graph/appRoleAssignedTo@v1.0", EXAMPLE.withSubnet.objectId),
    },
  },
  "a directory that an administrator has prepared gets no resource": {
    "an assignment": { in: "dedicated", change: add("Microsoft.Graph/appRoleAssignedTo@v1.0", { properties: {} }) },
  },
  "a caller's app registration trusts the caller's identity and nothing else": {
    "the callee's identity trusted": {
      in: "everything",
      change: resource("Microsoft.Graph/applications/federatedIdentityCredentials@v1.0", CALLER, (properties) => {
        properties.subject = there(properties.subject).replaceAll(CALLER, CALLEE);
      }),
    },
  },
  "a callee's allow-list and audiences are those of the policy": {
    "the callee itself on its allow-list": config(({ appSettings = [] }) => {
      const list = there(appSettings.find(({ name }) => name === "ALLOWED_CALLERS"));
      list.value = list.value.replaceAll(CALLER, CALLEE);
    }),
    "another client in place of an external caller": {
      in: "example-default",
      change: allowed((list) => list.replace(EXAMPLE.withSubnet.clientId, EXAMPLE.withSubnet.objectId)),
    },
    "a client more": {
      in: "example-dedicated",
      change: allowed((list) => list.replace("createArray(", `createArray('${EXAMPLE.withSubnet.objectId}', `)),
    },
    "another App ID URI": setting("API_IDENTIFIER_URI", "api://somebody/else"),
  },
  "a service refuses calls, and does not only report them": {
    "a callee that lets calls through until a date": setting("REPORT_ONLY_UNTIL", "2027-01-15"),
  },
  "a caller has the URL and the scope of each of its callees": {
    "a token for something else": setting("CALLEE_SCOPE", "https://graph.microsoft.com/.default", CALLER),
  },
  "App Service Authentication, if enabled, allows the callers and audiences of the app": {
    "a login page in place of 401": {
      in: "everything",
      change: resource("Microsoft.Web/sites/config", "authsettingsV2", ({ globalValidation }) => {
        there(globalValidation).unauthenticatedClientAction = "RedirectToLoginPage";
      }),
    },
    "any application allowed": {
      in: "everything",
      change: resource("Microsoft.Web/sites/config", "authsettingsV2", ({ identityProviders }) => {
        delete identityProviders?.azureActiveDirectory?.validation?.defaultAuthorizationPolicy;
      }),
    },
    "an external caller not allowed": {
      in: "example-everything",
      change: resource("Microsoft.Web/sites/config", "authsettingsV2", ({ identityProviders }) => {
        const policy = there(identityProviders?.azureActiveDirectory?.validation?.defaultAuthorizationPolicy);
        policy.allowedApplications =
          policy.allowedApplications?.filter((id) => id !== EXAMPLE.withSubnet.clientId) ?? [];
      }),
    },
  },
});
