import { readSnapshot, resources } from "../../../infra/snapshot.ts";
import { listed, type PlannedCheck, question, shown } from "../check.ts";
import { together } from "../azure/reading.ts";
import { callerIds, identifierUri, policy, PROVISION, type Scene, type SceneService } from "../view.ts";

/** App Service Authentication in front of the in-code checks: where the environment asks for it, and nowhere else. */
export function authenticationChecks(scene: Scene, service: SceneService): PlannedCheck[] {
  const { name, api, azure, expected, siteName } = service;
  if (!scene.deployment.appServiceAuthentication || api === null) {
    return [
      question({
        id: `sites/${name}/authentication`,
        title: `${name}: App Service Authentication`,
        resource: `${expected.siteId}/config/authsettingsV2`,
        read: azure.authentication,
        expected: "off",
        why: "Enabled by hand it refuses by rules of its own, and can keep callers' tokens. No deployment takes it away.",
        found: ({ properties }) => (properties.platform?.enabled === true ? "on" : "off"),
        mend: `az webapp auth update --resource-group ${scene.deployment.resourceGroup} --name ${siteName} --enabled false`,
      }),
    ];
  }
  const template = resources(readSnapshot("everything"), "Microsoft.Web/sites/config").find(
    (resource) => resource.name?.startsWith(`${name}-`) === true,
  )?.properties;
  const wanted = inWords(template?.platform?.enabled, template?.globalValidation);
  const callers = Object.keys(policy.services[name]?.callers ?? {});
  const common = { resource: `${expected.siteId}/config/authsettingsV2`, mend: PROVISION };
  const means = `tokens of this tenant for ${name}, of ${callers.join(", ")}`;
  return [
    question({
      ...common,
      id: `sites/${name}/authentication`,
      title: `${name}: App Service Authentication`,
      read: azure.authentication,
      expected: wanted,
      why: "The environment asks for it in front of the app's own check.",
      found: ({ properties }) => inWords(properties.platform?.enabled, properties.globalValidation),
    }),
    question({
      ...common,
      id: `sites/${name}/authentication-callers`,
      title: `${name}: whose tokens App Service Authentication takes`,
      read: () =>
        together({
          authentication: azure.authentication,
          application: api.application,
          callers: callerIds(scene, name, "clientId"),
        }),
      expected: means,
      why: "It would let pass whom the policy does not name, or refuse whom it does.",
      found: ({ authentication, application, callers: ids }) => {
        const provider = authentication.properties.identityProviders?.azureActiveDirectory;
        if (provider?.enabled !== true) return "off";
        const { registration, validation } = provider;
        const found = [
          `tokens for ${shown(registration?.clientId)}`,
          `from ${shown(registration?.openIdIssuer)}`,
          ...(validation?.allowedAudiences ?? []).map((audience) => `to ${audience}`),
          ...(validation?.defaultAuthorizationPolicy?.allowedApplications ?? []),
        ];
        const needed = [
          `tokens for ${application.appId}`,
          `from ${scene.authorityHost}/${scene.deployment.tenantId}/v2.0`,
          ...[application.appId, identifierUri(scene.deployment, name)].map((audience) => `to ${audience}`),
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
