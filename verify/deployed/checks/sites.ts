import type { PlannedCheck } from "../../model/plan.ts";
import { listed, plannedCheck, shown, wording } from "../check.ts";
import { PROVISION } from "../fixes.ts";
import type { DeploymentView, ServiceView } from "../view.ts";
import { authenticationChecks } from "./authentication.ts";
import { settingChecks } from "./settings.ts";

/** Checks of the sites: encryption, publishing, identities, slots and private endpoints. */
export function siteChecks(view: DeploymentView, service: ServiceView): PlannedCheck[] {
  const { name, azure, siteName, siteId, config, site, identityId } = service;
  const where = `--resource-group ${view.deployment.resourceGroup} --name ${siteName}`;
  const common = { resource: siteId, fix: PROVISION };
  const tls = "Older versions of TLS can be read or changed in transit.";
  const password = "A password that leaks replaces the app's code, and with it the check of tokens.";
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
    plannedCheck({
      ...common,
      id: `sites/${name}/https-only`,
      title: `${name}: HTTPS only`,
      read: azure.site,
      expected: shown(site.httpsOnly),
      why: "Over plain HTTP a token can be read in transit, and used until it expires.",
      found: ({ properties }) => shown(properties.httpsOnly),
    }),
    plannedCheck({
      ...common,
      id: `sites/${name}/tls`,
      title: `${name}: lowest TLS version of the main site`,
      read: azure.config,
      expected: shown(config.minTlsVersion),
      why: tls,
      found: ({ properties }) => shown(properties.minTlsVersion),
    }),
    plannedCheck({
      ...common,
      id: `sites/${name}/scm-tls`,
      title: `${name}: lowest TLS version of the SCM site`,
      read: azure.config,
      expected: shown(config.scmMinTlsVersion),
      why: tls,
      found: ({ properties }) => shown(properties.scmMinTlsVersion),
    }),
    plannedCheck({
      ...common,
      id: `sites/${name}/ftp`,
      title: `${name}: FTP`,
      read: azure.config,
      expected: shown(config.ftpsState),
      why: "FTP can replace the app's code, and the SCM site's rules do not apply to it.",
      found: ({ properties }) => shown(properties.ftpsState),
    }),
    plannedCheck({
      ...common,
      id: `sites/${name}/remote-debugging`,
      title: `${name}: remote debugging`,
      read: azure.config,
      expected: shown(config.remoteDebuggingEnabled),
      why: "A debugger sees tokens, and can step over their check.",
      found: ({ properties }) => shown(properties.remoteDebuggingEnabled),
    }),
    plannedCheck({
      ...common,
      id: `sites/${name}/ssh`,
      title: `${name}: a shell in the app's container`,
      read: azure.site,
      expected: shown(site.sshEnabled),
      why: "Whoever has a shell there has the app's identity, and its subnet.",
      found: ({ properties }) => shown(properties.sshEnabled),
    }),
    plannedCheck({
      ...common,
      id: `sites/${name}/admin-isolation`,
      title: `${name}: the Functions host's endpoints for administrators are for the platform only`,
      read: azure.site,
      expected: shown(site.functionsRuntimeAdminIsolationEnabled),
      why: "Whoever has the host's master key could read and change its keys, start its functions and restart it, without a token.",
      found: ({ properties }) => shown(properties.functionsRuntimeAdminIsolationEnabled),
    }),
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
