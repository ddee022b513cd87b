/** The invariants of the sites' configuration. */
import { MAX_BODY_BYTES } from "@restricted-calls/shared/functions";
import { resources } from "../snapshot.ts";
import { invariant, type Invariant } from "./invariant.ts";
import { asksFor, forEachService, same } from "./services.ts";

/** The only setting that holds a key, on the only kind of plan that needs it. */
const CONTENT_CONNECTION = "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING";

export const siteInvariants: readonly Invariant[] = [
  invariant(
    "every service runs as a user-assigned identity of its own",
    forEachService(({ name, site, settings, identityId }) => [
      ...same(`${name}: kind of identity`, site?.identity?.type, "UserAssigned"),
      ...same(`${name}: identities`, Object.keys(site?.identity?.userAssignedIdentities ?? {}), [identityId]),
      ...same(`${name}: AZURE_CLIENT_ID`, asksFor(settings["AZURE_CLIENT_ID"], identityId, "clientId"), true),
    ]),
  ),
  invariant(
    "the apps run on Node 24, on version 4 of the Functions host, from their package",
    forEachService(({ name, site, config, settings }) => [
      ...same(`${name}: kind`, site?.kind, "functionapp,linux"),
      ...same(`${name}: runtime`, config.linuxFxVersion, "NODE|24"),
      ...same(`${name}: worker`, settings["FUNCTIONS_WORKER_RUNTIME"], "node"),
      ...same(`${name}: host`, settings["FUNCTIONS_EXTENSION_VERSION"], "~4"),
      ...same(`${name}: package`, settings["WEBSITE_RUN_FROM_PACKAGE"], "1"),
    ]),
  ),
  invariant(
    "sites accept HTTPS only",
    forEachService(({ name, site }) => same(`${name}: httpsOnly`, site?.properties?.httpsOnly, true)),
  ),
  invariant(
    "sites accept TLS 1.2 or later",
    forEachService(({ name, config }) => [
      ...same(`${name}: main site`, config.minTlsVersion, "1.2"),
      ...same(`${name}: SCM site`, config.scmMinTlsVersion, "1.2"),
    ]),
  ),
  invariant(
    "FTP is off",
    forEachService(({ name, config }) => same(`${name}: ftpsState`, config.ftpsState, "Disabled")),
  ),
  invariant(
    "basic publishing credentials are off",
    forEachService(({ name, site }, _expected, snapshot) => {
      const policies = resources(snapshot, "Microsoft.Web/sites/basicPublishingCredentialsPolicies");
      return ["ftp", "scm"].flatMap((credential) =>
        same(
          `${name}: basic credentials for ${credential}`,
          policies.find((policy) => policy.name === `${site?.name ?? "?"}/${credential}`)?.properties?.allow,
          false,
        ),
      );
    }),
  ),
  invariant(
    "SSH to an app's container is off",
    forEachService(({ name, site }) => same(`${name}: sshEnabled`, site?.properties?.sshEnabled, false)),
  ),
  invariant(
    "only the platform may call the administration endpoints of the Functions host",
    forEachService(({ name, site }) =>
      same(
        `${name}: functionsRuntimeAdminIsolationEnabled`,
        site?.properties?.functionsRuntimeAdminIsolationEnabled,
        true,
      ),
    ),
  ),
  invariant(
    "the Functions host has no home page",
    forEachService(({ name, settings }) =>
      same(`${name}: AzureWebJobsDisableHomepage`, settings["AzureWebJobsDisableHomepage"], "true"),
    ),
  ),
  invariant(
    "the Functions host accepts bodies up to twice the limit of the apps",
    forEachService(({ name, settings }) =>
      same(
        `${name}: FUNCTIONS_REQUEST_BODY_SIZE_LIMIT`,
        settings["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"],
        String(2 * MAX_BODY_BYTES),
      ),
    ),
  ),
  invariant(
    "requests are encrypted up to the worker, if the plan supports it",
    forEachService(({ name, site }, { parameters: { plan } }) =>
      same(`${name}: end to end`, site?.properties?.endToEndEncryptionEnabled, plan.kind === "Dedicated"),
    ),
  ),
  invariant(
    "remote debugging is off",
    forEachService(({ name, config }) => same(`${name}: remoteDebuggingEnabled`, config.remoteDebuggingEnabled, false)),
  ),
  invariant(
    "the platform checks the health of services that have a path for it",
    forEachService(({ name, config }, { serviceOptions }) =>
      same(`${name}: healthCheckPath`, config.healthCheckPath ?? undefined, serviceOptions[name]?.healthCheckPath),
    ),
  ),
  invariant(
    "no setting holds a secret, except the content share's key on Elastic Premium",
    forEachService(({ name, settings }, { parameters: { plan } }) => {
      const secret = Object.keys(settings).filter((setting) =>
        /listKeys|listAccountSas|listSecrets|AccountKey=|password|secret/i.test(
          `${setting} ${settings[setting] ?? ""}`,
        ),
      );
      return same(
        `${name}: settings with a secret`,
        secret,
        plan.kind === "ElasticPremium" ? [CONTENT_CONNECTION] : [],
      );
    }),
  ),
  invariant(
    "a service has its declared settings",
    forEachService(({ name, settings }, { serviceOptions }) =>
      Object.entries(serviceOptions[name]?.settings ?? {}).flatMap(([setting, value]) =>
        same(`${name}: ${setting}`, settings[setting], value),
      ),
    ),
  ),
];
