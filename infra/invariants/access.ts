/** The invariants of the application layer: the permissions of each identity, in Azure and in the directory. */
import { callerNames, type ExternalCaller, settingPrefix } from "@restricted-calls/shared/access-policy";
import { type ApplicationProperties, resources, type Snapshot } from "../snapshot.ts";
import { type Check, type Expected, invariant, type Invariant } from "./invariant.ts";
import { asksFor, forEachService, same, type Service, servicesOf } from "./services.ts";

/** https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
const roles: Readonly<Record<string, string>> = {
  "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
  "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
  "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
};

const API_CLIENT = /reference\('application\[(\d+)\]'\)\.appId/;

export const accessInvariants: readonly Invariant[] = [
  invariant(
    "an identity has built-in Azure roles on its own storage and on Application Insights, and nothing else",
    (snapshot, expected) => {
      const services = servicesOf(snapshot, expected);
      const insights = resources(snapshot, "Microsoft.Insights/components")[0]?.name ?? "?";
      const found = resources(snapshot, "Microsoft.Authorization/roleAssignments").map(({ id, properties }) => {
        const role = properties?.roleDefinitionId?.split("/").at(-1) ?? "?";
        const who = services.find(({ identityId }) => asksFor(properties?.principalId, identityId, "principalId"));
        const scope = /(storageAccounts|components)\/[\w-]+/.exec(id ?? "")?.[0];
        return `${who?.name ?? "another identity"}: ${roles[role] ?? role} on ${scope ?? "?"}`;
      });
      const needed = services.flatMap(({ name, hostAccount, dataAccount }) => [
        `${name}: Storage Blob Data Owner on storageAccounts/${hostAccount?.name ?? "?"}`,
        `${name}: Storage Table Data Contributor on storageAccounts/${hostAccount?.name ?? "?"}`,
        `${name}: Storage Table Data Contributor on storageAccounts/${dataAccount?.name ?? "?"}`,
        `${name}: Monitoring Metrics Publisher on components/${insights}`,
      ]);
      return same("role assignments", found.sort(), needed.sort());
    },
  ),
  invariant("the name of a role assignment depends on the principal", (snapshot) =>
    resources(snapshot, "Microsoft.Authorization/roleAssignments").flatMap(({ name, properties }) =>
      same(
        `${properties?.description ?? "a role assignment"}: its name depends on the principal`,
        name?.includes(bare(properties?.principalId ?? "?")),
        true,
      ),
    ),
  ),
  invariant(
    "every service with roles is an API of this tenant with v2.0 tokens, and exposes its roles to apps only",
    directoryOnly((snapshot, expected) => {
      const found = applications(snapshot, expected).map(({ service, properties }) => ({
        service,
        audience: properties?.signInAudience,
        version: properties?.api?.requestedAccessTokenVersion,
        roles: Object.fromEntries(properties?.appRoles?.map(({ value = "?", id }) => [value, id] as const) ?? []),
        toAppsOnly: properties?.appRoles?.every(
          ({ allowedMemberTypes, isEnabled }) => isEnabled === true && allowedMemberTypes?.join() === "Application",
        ),
      }));
      const needed = apisOf(expected).map((service) => ({
        service,
        audience: "AzureADMyOrg",
        version: 2,
        roles: Object.fromEntries(
          Object.entries(expected.policy.services[service]?.roles ?? {}).map(([value, { id }]) => [value, id]),
        ),
        toAppsOnly: true,
      }));
      return same("APIs", found, needed);
    }),
  ),
  invariant(
    "an API's tokens have the claim idtyp",
    directoryOnly((snapshot, expected) =>
      applications(snapshot, expected).flatMap(({ service, properties }) =>
        same(
          `${service}: optional claims`,
          properties?.optionalClaims?.accessToken?.map(({ name }) => name),
          ["idtyp"],
        ),
      ),
    ),
  ),
  invariant(
    "app registrations hold no secret and no certificate",
    directoryOnly((snapshot) =>
      resources(snapshot, "Microsoft.Graph/applications@v1.0").flatMap(({ properties }) => [
        ...same(`${properties?.uniqueName ?? "?"}: passwords`, properties?.passwordCredentials, undefined),
        ...same(`${properties?.uniqueName ?? "?"}: keys`, properties?.keyCredentials, undefined),
      ]),
    ),
  ),
  invariant(
    "an unassigned client gets no token for an API",
    directoryOnly((snapshot, expected) => {
      const required = resources(snapshot, "Microsoft.Graph/servicePrincipals@v1.0")
        .filter(({ properties }) => API_CLIENT.test(properties?.appId ?? ""))
        .map(({ properties }) => properties?.appRoleAssignmentRequired);
      return same(
        "assignment required",
        required,
        apisOf(expected).map(() => true),
      );
    }),
  ),
  invariant("a directory that an administrator has prepared gets no resource", (snapshot, { parameters }) => {
    if (parameters.entra === "Deployed") return [];
    const types = snapshot.predictedResources.map(({ type }) => type);
    return same(
      "resources in the directory",
      types.filter((type) => type.startsWith("Microsoft.Graph/")),
      [],
    );
  }),
  invariant(
    "callers have the app roles of the policy, and no identity has another one",
    directoryOnly((snapshot, expected) => {
      const services = servicesOf(snapshot, expected);
      const callers = callersOf(expected);
      const apis = apisOf(expected);
      const found = resources(snapshot, "Microsoft.Graph/appRoleAssignedTo@v1.0").map(({ properties }) => {
        const { appRoleId = "?", principalId, resourceId } = properties ?? {};
        const api = apis[indexIn(resourceId, /reference\('servicePrincipal\[(\d+)\]'\)\.id/)] ?? "another resource";
        const asApp = callers[indexIn(principalId, /reference\('callerServicePrincipal\[(\d+)\]'\)\.id/)];
        const asIdentity = services.find(({ identityId }) => asksFor(principalId, identityId, "principalId"))?.name;
        const federated = expected.parameters.callerCredential === "federated-identity";
        const asExternal = externalCallersIn(expected).find(([, { objectId }]) => objectId === principalId)?.[0];
        const caller = asExternal ?? (federated ? asApp : asIdentity) ?? "another identity";
        return `${caller}: ${appRoleId} on ${api}`;
      });
      const needed = services.flatMap(({ name, policy }) =>
        Object.entries(policy.callers).flatMap(([caller, granted]) =>
          granted.map((role) => `${caller}: ${policy.roles[role]?.id ?? role} on ${name}`),
        ),
      );
      return same("grants", found.sort(), needed.sort());
    }),
  ),
  invariant(
    "a caller's app registration trusts the caller's identity and nothing else",
    directoryOnly((snapshot, expected) => {
      const services = servicesOf(snapshot, expected);
      const federated = expected.parameters.callerCredential === "federated-identity";
      const found = resources(snapshot, "Microsoft.Graph/applications/federatedIdentityCredentials@v1.0").map(
        ({ properties }) => ({
          trusts: services.find(({ identityId }) => asksFor(properties?.subject, identityId, "principalId"))?.name,
          audiences: properties?.audiences,
        }),
      );
      const needed = callersOf(expected).map((trusts) => ({ trusts, audiences: ["api://AzureADTokenExchange"] }));
      return same("federated credentials", found, federated ? needed : []);
    }),
  ),
  invariant(
    "a callee's allow-list and audiences are those of the policy",
    forEachService((service, expected) => {
      const { name, policy, settings } = service;
      if (Object.keys(policy.roles).length === 0)
        return same(`${name}: ALLOWED_CALLERS`, settings["ALLOWED_CALLERS"], undefined);
      const listed = settings["ALLOWED_CALLERS"];
      const callers = Object.keys(policy.callers);
      return [
        ...same(`${name}: callers that ALLOWED_CALLERS lists`, clientIdsIn(listed), callers.length),
        ...callers
          .filter((caller) => !isListed(caller, listed, expected, service))
          .map((caller) => `${name}: ALLOWED_CALLERS does not list ${caller}`),
        ...same(`${name}: API_IDENTIFIER_URI`, settings["API_IDENTIFIER_URI"], identifierUri(service)),
        ...same(`${name}: API_CLIENT_ID`, isApiClientId(settings["API_CLIENT_ID"], name, expected), true),
      ];
    }),
  ),
  invariant(
    "a service refuses calls, and does not only report them",
    forEachService(({ name, settings }) =>
      same(`${name}: REPORT_ONLY_UNTIL`, settings["REPORT_ONLY_UNTIL"], undefined),
    ),
  ),
  invariant("a caller has the URL and the scope of each of its callees", (snapshot, expected) => {
    const services = servicesOf(snapshot, expected);
    return services.flatMap(({ name, callees, settings }) =>
      callees.flatMap((callee) => {
        const prefix = settingPrefix(callee);
        const other = services.find((service) => service.name === callee);
        return [
          ...same(
            `${name}: ${prefix}_URL`,
            settings[`${prefix}_URL`],
            `https://${other?.site?.name ?? "?"}.azurewebsites.net`,
          ),
          ...same(`${name}: ${prefix}_SCOPE`, settings[`${prefix}_SCOPE`], other && `${identifierUri(other)}/.default`),
          ...same(`${name}: CALLER_CREDENTIAL`, settings["CALLER_CREDENTIAL"], expected.parameters.callerCredential),
        ];
      }),
    );
  }),
  invariant(
    "App Service Authentication, if enabled, allows the callers and audiences of the app",
    (snapshot, expected) => {
      const found = resources(snapshot, "Microsoft.Web/sites/config");
      if (!expected.parameters.appServiceAuthentication) return same("authentication", found, []);
      return servicesOf(snapshot, expected)
        .filter(({ policy }) => Object.keys(policy.roles).length > 0)
        .flatMap(({ name, site, settings }) => {
          const { globalValidation, identityProviders, platform } =
            found.find((config) => config.name === `${site?.name ?? "?"}/authsettingsV2`)?.properties ?? {};
          const provider = identityProviders?.azureActiveDirectory;
          const health = expected.serviceOptions[name]?.healthCheckPath;
          const callers = provider?.validation?.defaultAuthorizationPolicy?.allowedApplications ?? [];
          return [
            ...same(`${name}: authentication`, [platform?.enabled, provider?.enabled], [true, true]),
            ...same(`${name}: without credentials`, globalValidation, {
              requireAuthentication: true,
              unauthenticatedClientAction: "Return401",
              excludedPaths: health === undefined ? [] : [health],
            }),
            ...same(`${name}: audiences`, provider?.validation?.allowedAudiences, [
              settings["API_CLIENT_ID"],
              settings["API_IDENTIFIER_URI"],
            ]),
            // Without callers, the one id that no app has is no expression.
            ...same(
              `${name}: applications`,
              callers.some(isExpression)
                ? `[join(createArray(${callers.map((caller) => (isExpression(caller) ? bare(caller) : `'${caller}'`)).join(", ")}), ',')]`
                : callers.join(","),
              settings["ALLOWED_CALLERS"],
            ),
          ];
        });
    },
  ),
];

/** A check of the directory resources. It does not apply if an administrator has prepared the directory. */
function directoryOnly(check: Check): Check {
  return (snapshot, expected) => (expected.parameters.entra === "Deployed" ? check(snapshot, expected) : []);
}

/** The services with roles, in the order of the template's loops: by name. */
function apisOf({ policy }: Expected): string[] {
  return Object.keys(policy.services)
    .filter((name) => Object.keys(policy.services[name]?.roles ?? {}).length > 0)
    .sort();
}

/** The services that may call another one, by name. */
function callersOf({ policy }: Expected): string[] {
  return callerNames(policy).sort();
}

function externalCallersIn({ policy }: Expected): [string, ExternalCaller][] {
  return Object.entries(policy.externalCallers ?? {});
}

/** The app registrations of APIs: those with an App ID URI. */
function applications(snapshot: Snapshot, expected: Expected): ApiApplication[] {
  return resources(snapshot, "Microsoft.Graph/applications@v1.0")
    .filter(({ properties }) => properties?.identifierUris !== undefined)
    .map(({ properties }) => ({
      service:
        servicesOf(snapshot, expected).find((service) => properties?.identifierUris?.[0] === identifierUri(service))
          ?.name ?? "another service",
      properties,
    }));
}

interface ApiApplication {
  readonly service: string;
  readonly properties: ApplicationProperties | undefined;
}

function identifierUri({ site, settings }: Service): string {
  return `api://${settings["AZURE_TENANT_ID"] ?? "?"}/${site?.name ?? "?"}`;
}

function isApiClientId(value: string | undefined, name: string, expected: Expected): boolean {
  if (expected.parameters.entra === "Prepared") return value !== undefined && !value.startsWith("[");
  return indexIn(value, API_CLIENT) === apisOf(expected).indexOf(name);
}

function isListed(
  caller: string,
  listed: string | undefined,
  expected: Expected,
  { identityId, name }: Service,
): boolean {
  const external = externalCallersIn(expected).find(([external]) => external === caller)?.[1];
  if (external !== undefined) return externalIdsIn(listed).includes(external.clientId);
  if (expected.parameters.callerCredential === "managed-identity") {
    return asksFor(listed, identityId?.replace(`/id-${name}-`, `/id-${caller}-`), "clientId");
  }
  return listed?.includes(`reference('callerApplication[${callersOf(expected).indexOf(caller)}]').appId`) === true;
}

/** How many client ids an allow-list contains. */
function clientIdsIn(list: string | undefined): number {
  return (list?.match(/\.clientId|\.appId/g)?.length ?? 0) + externalIdsIn(list).length;
}

/** The ids that an allow-list states. In an expression, each is a text of its own. The one that no app has is none. */
function externalIdsIn(list = ""): string[] {
  const texts = isExpression(list) ? [...list.matchAll(/'([^']*)'/g)].map(([, text = ""]) => text) : list.split(",");
  return texts.filter((text) => /^[0-9a-f-]{36}$/.test(text) && text !== "00000000-0000-0000-0000-000000000000");
}

function isExpression(value: string): boolean {
  return value.startsWith("[");
}

/** An expression without its brackets. */
function bare(expression: string): string {
  return expression.replace(/^\[(.*)\]$/, "$1");
}

function indexIn(expression: string | undefined, pattern: RegExp): number {
  return Number(pattern.exec(expression ?? "")?.[1] ?? -1);
}
