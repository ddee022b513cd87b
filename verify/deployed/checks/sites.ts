/** Checks of the sites: encryption, publishing, identities, slots and private endpoints. */
import type { PlannedCheck } from "../../model/plan.ts";
import { listed, plannedCheck, shown, wording } from "../check.ts";
import { PROVISION } from "../fixes.ts";
import type { DeploymentView, ServiceView } from "../view.ts";
import { authenticationChecks } from "./authentication.ts";
import { settingChecks } from "./settings.ts";

export function siteChecks(view: DeploymentView, service: ServiceView): PlannedCheck[] {
  const { name, azure, siteName, siteId, config, site, identityId } = service;
  const where = `--resource-group ${view.deployment.resourceGroup} --name ${siteName}`;
  const common = { resource: siteId, fix: PROVISION };
  const tls = "Older versions of TLS can be read or changed in transit.";
  const password = "A password that leaks replaces the app's code, and with it the check of tokens.";
  const ofSite = (id: string, key: SiteKey, title: string, why: string): PlannedCheck =>
    plannedCheck({
      ...common,
      id: `sites/${name}/${id}`,
      title: `${name}: ${title}`,
      read: azure.site,
      expected: shown(site[key]),
      why,
      found: ({ properties }) => shown(properties[key]),
    });
  const ofConfig = (id: string, key: ConfigKey, title: string, why: string): PlannedCheck =>
    plannedCheck({
      ...common,
      id: `sites/${name}/${id}`,
      title: `${name}: ${title}`,
      read: azure.config,
      expected: shown(config[key]),
      why,
      found: ({ properties }) => shown(properties[key]),
    });
  return [
    plannedCheck({
      ...common,
      id: `sites/${name}/exists`,
      title: `${name}: the site`,
      read: azure.site,
      expected: "is there",
      why: "Without the site there is nothing to call or to check.",
      found: () => "is there",
      fix: `${PROVISION}\nazd deploy`,
      mustExist: true,
    }),
    ofSite(
      "https-only",
      "httpsOnly",
      "HTTPS only",
      "Over plain HTTP a token can be read in transit, and used until it expires.",
    ),
    ofConfig("tls", "minTlsVersion", "lowest TLS version of the main site", tls),
    ofConfig("scm-tls", "scmMinTlsVersion", "lowest TLS version of the SCM site", tls),
    ofConfig("ftp", "ftpsState", "FTP", "FTP can replace the app's code, and the SCM site's rules do not apply to it."),
    ofConfig(
      "remote-debugging",
      "remoteDebuggingEnabled",
      "remote debugging",
      "A debugger sees tokens, and can step over their check.",
    ),
    ofSite(
      "ssh",
      "sshEnabled",
      "a shell in the app's container",
      "Whoever has a shell there has the app's identity, and its subnet.",
    ),
    ofSite(
      "admin-isolation",
      "functionsRuntimeAdminIsolationEnabled",
      "the Functions host's endpoints for administrators are for the platform only",
      "Whoever has the host's master key could read and change its keys, start its functions and restart it, without a token.",
    ),
    plannedCheck({
      ...common,
      id: `sites/${name}/end-to-end-encryption`,
      title: `${name}: encryption from the front end to the worker`,
      read: azure.site,
      expected: shown(site.endToEndEncryptionEnabled),
      why: "Tokens are encrypted on this path too, if the plan offers it.",
      found: ({ properties }) => shown(properties.endToEndEncryptionEnabled ?? false),
    }),
    plannedCheck({
      ...common,
      id: `sites/${name}/runtime`,
      title: `${name}: runtime and startup command`,
      read: azure.config,
      expected: `${shown(config.linuxFxVersion)}, no startup command`,
      why: "Another image or a startup command runs other code than the deployed one. It need not check tokens.",
      // A startup command may contain a secret, so it is not shown.
      found: ({ properties: { linuxFxVersion, appCommandLine } }) =>
        `${inCaseOf(config.linuxFxVersion, linuxFxVersion)}, ` +
        (shown(appCommandLine) === "not set" ? "no startup command" : "a startup command"),
    }),
    ...(["ftp", "scm"] as const).map((what) =>
      plannedCheck({
        ...common,
        id: `sites/${name}/basic-credentials-${what}`,
        title: `${name}: publishing with a password, by ${what.toUpperCase()}`,
        resource: `${siteId}/basicPublishingCredentialsPolicies/${what}`,
        read: azure.publishing(what),
        expected: "not allowed",
        why: password,
        found: ({ properties }) => (properties.allow ? "allowed" : "not allowed"),
      }),
    ),
    plannedCheck({
      ...common,
      id: `sites/${name}/identity`,
      title: `${name}: the identities of the site`,
      read: azure.site,
      expected: identityId,
      why: "With another identity the app can get tokens that the policy does not mention.",
      found: ({ identity }) => listed(identitiesOf(identity), [identityId]),
      fix: ({ identity }) => {
        const others = identitiesOf(identity).filter((id) => id.toLowerCase() !== identityId.toLowerCase());
        if (others.length === 0) return PROVISION;
        return `az functionapp identity remove ${where} --identities ${others.join(" ")}`;
      },
    }),
    plannedCheck({
      ...common,
      id: `sites/${name}/slots`,
      title: `${name}: deployment slots`,
      read: azure.slots,
      expected: "none",
      why: "A slot is another site with other rules. It can run the same code with the same identity.",
      found: (slots) => wording(slots.map(slotName)),
      fix: (slots) =>
        slots.map((slot) => `az functionapp deployment slot delete ${where} --slot ${slotName(slot)}`).join("\n"),
    }),
    plannedCheck({
      ...common,
      id: `sites/${name}/private-endpoints`,
      title: `${name}: private endpoint connections`,
      read: azure.privateEndpoints,
      expected: "none",
      why: "Access restrictions do not apply to calls through a private endpoint.",
      found: (connections) => wording(connections.map(({ id }) => id)),
      fix: (connections) =>
        connections.map(({ id }) => `az network private-endpoint-connection delete --id ${id} --yes`).join("\n"),
    }),
    ...settingChecks(view, service),
    ...authenticationChecks(view, service),
  ];
}

type SiteKey = "httpsOnly" | "sshEnabled" | "functionsRuntimeAdminIsolationEnabled";
type ConfigKey = "minTlsVersion" | "scmMinTlsVersion" | "ftpsState" | "remoteDebuggingEnabled";

interface Identity {
  readonly type?: string | null | undefined;
  readonly userAssignedIdentities?: Readonly<Record<string, unknown>> | null | undefined;
}

/** az calls the system-assigned identity `[system]`, quoted for the shell. */
function identitiesOf(identity: Identity | null | undefined): string[] {
  const system = identity?.type?.includes("SystemAssigned") === true ? [`"[system]"`] : [];
  return [...Object.keys(identity?.userAssignedIdentities ?? {}), ...system];
}

/** Resource Manager names a slot `{site}/{slot}`. */
function slotName({ name }: { readonly name: string }): string {
  return name.split("/").at(-1) ?? name;
}

/** linuxFxVersion ignores case: https://github.com/Azure/azure-functions-ux/pull/3698 */
function inCaseOf(stated: string | undefined, found: string | null | undefined): string {
  return shown(found).toLowerCase() === shown(stated).toLowerCase() ? shown(stated) : shown(found);
}
