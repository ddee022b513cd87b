/** Checks of App Service Authentication: on where the environment asks for it, off elsewhere. */
import type { PlannedCheck } from "../../model/plan.ts";
import { listed, plannedCheck, shown } from "../check.ts";
import { together } from "../azure/reading.ts";
import { PROVISION } from "../fixes.ts";
import { callerIds, type DeploymentView, type ServiceView } from "../view.ts";

export function authenticationChecks(view: DeploymentView, service: ServiceView): PlannedCheck[] {
  const { name, api, registration, azure, siteId, siteName } = service;
  if (service.authentication === null || api === null || registration === null) {
    return [
      plannedCheck({
        id: `sites/${name}/authentication`,
        title: `${name}: App Service Authentication`,
        resource: `${siteId}/config/authsettingsV2`,
        read: azure.authentication,
        expected: "off",
        why: "Enabled by hand, it applies its own rules and can store callers' tokens. No deployment turns it off.",
        found: ({ properties }) => (properties.platform?.enabled === true ? "on" : "off"),
        fix: `az webapp auth update --resource-group ${view.deployment.resourceGroup} --name ${siteName} --enabled false`,
      }),
    ];
  }
  const { platform, globalValidation } = service.authentication;
  const wanted = inWords(platform?.enabled, globalValidation);
  const common = { resource: `${siteId}/config/authsettingsV2`, fix: PROVISION };
  const means = `tokens of this tenant for ${name}, of ${Object.keys(service.callers).join(", ")}`;
  return [
    plannedCheck({
      ...common,
      id: `sites/${name}/authentication`,
      title: `${name}: App Service Authentication`,
      read: azure.authentication,
      expected: wanted,
      why: "The environment asks for it in front of the app's own check.",
      found: ({ properties }) => inWords(properties.platform?.enabled, properties.globalValidation),
    }),
    plannedCheck({
      ...common,
      id: `sites/${name}/authentication-callers`,
      title: `${name}: the tokens that App Service Authentication accepts`,
      read: () =>
        together({
          authentication: azure.authentication,
          application: registration.application,
          callers: callerIds(view, service, "clientId"),
        }),
      expected: means,
      why: "It would let in callers that the policy does not name, or refuse callers that it names.",
      found: ({ authentication, application, callers: ids }) => {
        const provider = authentication.properties.identityProviders?.azureActiveDirectory;
        if (provider?.enabled !== true) return "off";
        const { validation } = provider;
        const found = [
          `tokens for ${shown(provider.registration?.clientId)}`,
          `from ${shown(provider.registration?.openIdIssuer)}`,
          ...(validation?.allowedAudiences ?? []).map((audience) => `to ${audience}`),
          ...(validation?.defaultAuthorizationPolicy?.allowedApplications ?? []),
        ];
        const needed = [
          `tokens for ${application.appId}`,
          `from ${view.authorityHost}/${view.deployment.tenantId}/v2.0`,
          ...[application.appId, api.identifierUri].map((audience) => `to ${audience}`),
          ...Object.values(ids),
        ];
        return listed(found, needed, means);
      },
    }),
  ];
}

interface Validation {
  readonly requireAuthentication?: boolean | null | undefined;
  readonly unauthenticatedClientAction?: string | null | undefined;
  readonly excludedPaths?: readonly string[] | null | undefined;
}

function inWords(enabled: boolean | null | undefined, validation: Validation | null | undefined): string {
  return [
    enabled === true ? "on" : "off",
    validation?.requireAuthentication === true ? "required" : "not required",
    shown(validation?.unauthenticatedClientAction),
    `without it: ${(validation?.excludedPaths ?? []).join(", ") || "no path"}`,
  ].join("; ");
}
