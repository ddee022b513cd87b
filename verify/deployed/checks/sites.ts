import { listed, type PlannedCheck, question, shown, wording } from "../check.ts";
import { PROVISION, type Scene, type SceneService } from "../view.ts";
import { authenticationChecks } from "./authentication.ts";
import { settingChecks } from "./settings.ts";

/** How the sites are set up. */
export function siteChecks(scene: Scene, service: SceneService): PlannedCheck[] {
  const { name, expected, azure, siteName } = service;
  const { siteId, config, site, identityId } = expected;
  const where = `--resource-group ${scene.deployment.resourceGroup} --name ${siteName}`;
  const common = { resource: siteId, mend: PROVISION };
  const tls = "Older versions of TLS can be read or changed on the way.";
  const password = "A password that leaks replaces the app's code, and with it the check of tokens.";
  return [
    question({
      ...common,
      id: `sites/${name}/exists`,
      title: `${name}: the site`,
      read: azure.site,
      expected: "is there",
      why: "Without the site there is nothing to call, and nothing of it could be checked.",
      found: () => "is there",
      mend: `${PROVISION}\nazd deploy`,
      mustExist: true,
    }),
    question({
      ...common,
      id: `sites/${name}/https-only`,
      title: `${name}: HTTPS only`,
      read: azure.site,
      expected: shown(site.httpsOnly),
      why: "Over plain HTTP a token can be read on the way, and used until it ends.",
      found: ({ properties }) => shown(properties.httpsOnly),
    }),
    question({
      ...common,
      id: `sites/${name}/tls`,
      title: `${name}: lowest TLS version of the main site`,
      read: azure.config,
      expected: shown(config.minTlsVersion),
      why: tls,
      found: ({ properties }) => shown(properties.minTlsVersion),
    }),
    question({
      ...common,
      id: `sites/${name}/scm-tls`,
      title: `${name}: lowest TLS version of the SCM site`,
      read: azure.config,
      expected: shown(config.scmMinTlsVersion),
      why: tls,
      found: ({ properties }) => shown(properties.scmMinTlsVersion),
    }),
    question({
      ...common,
      id: `sites/${name}/ftp`,
      title: `${name}: FTP`,
      read: azure.config,
      expected: shown(config.ftpsState),
      why: "FTP is another way to replace the app's code, past the SCM site's rules.",
      found: ({ properties }) => shown(properties.ftpsState),
    }),
    question({
      ...common,
      id: `sites/${name}/remote-debugging`,
      title: `${name}: remote debugging`,
      read: azure.config,
      expected: shown(config.remoteDebuggingEnabled),
      why: "A debugger sees tokens, and can step over their check.",
      found: ({ properties }) => shown(properties.remoteDebuggingEnabled),
    }),
    question({
      ...common,
      id: `sites/${name}/ssh`,
      title: `${name}: a shell in the app's container`,
      read: azure.site,
      expected: shown(site.sshEnabled),
      why: "Whoever has a shell there has the app's identity, and its subnet.",
      found: ({ properties }) => shown(properties.sshEnabled),
    }),
    question({
      ...common,
      id: `sites/${name}/admin-isolation`,
      title: `${name}: the Functions host's endpoints for administrators are for the platform only`,
      read: azure.site,
      expected: shown(site.functionsRuntimeAdminIsolationEnabled),
      why: "Whoever has the host's master key could read and change its keys, start its functions and restart it, without a token.",
      found: ({ properties }) => shown(properties.functionsRuntimeAdminIsolationEnabled),
    }),
    question({
      ...common,
      id: `sites/${name}/end-to-end-encryption`,
      title: `${name}: encryption from the front end to the worker`,
      read: azure.site,
      expected: shown(site.endToEndEncryptionEnabled),
      why: "Where the plan offers it, tokens are encrypted on that part of their way, too.",
      found: ({ properties }) => shown(properties.endToEndEncryptionEnabled ?? false),
    }),
    question({
      ...common,
      id: `sites/${name}/runtime`,
      title: `${name}: what runs the code`,
      read: azure.config,
      expected: `${shown(config.linuxFxVersion)}, no startup command`,
      why: "Another image or a startup command runs other code than what was deployed: nothing says that it checks tokens.",
      // A command may hold a secret: that there is one is enough.
      found: ({ properties: { linuxFxVersion, appCommandLine } }) =>
        `${inCaseOf(config.linuxFxVersion, linuxFxVersion)}, ` +
        (shown(appCommandLine) === "not set" ? "no startup command" : "a startup command"),
    }),
    ...(["ftp", "scm"] as const).map((what) =>
      question({
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
    question({
      ...common,
      id: `sites/${name}/identity`,
      title: `${name}: the identities that it runs as`,
      read: azure.site,
      expected: identityId,
      why: "With another identity the app can get tokens that the policy does not speak of.",
      found: ({ identity }) => listed(identitiesOf(identity), [identityId]),
      mend: ({ identity }) => {
        const others = identitiesOf(identity).filter((id) => id.toLowerCase() !== identityId.toLowerCase());
        if (others.length === 0) return PROVISION;
        return `az functionapp identity remove ${where} --identities ${others.join(" ")}`;
      },
    }),
    question({
      ...common,
      id: `sites/${name}/slots`,
      title: `${name}: deployment slots`,
      read: azure.slots,
      expected: "none",
      why: "A slot is a site of its own, with rules of its own, and can run the same code as the same identity.",
      found: (slots) => wording(slots.map(slotName)),
      mend: (slots) =>
        slots.map((slot) => `az functionapp deployment slot delete ${where} --slot ${slotName(slot)}`).join("\n"),
    }),
    question({
      ...common,
      id: `sites/${name}/private-endpoints`,
      title: `${name}: private endpoint connections`,
      read: azure.privateEndpoints,
      expected: "none",
      why: "Access restrictions do not apply to what comes in through a private endpoint.",
      found: (connections) => wording(connections.map(({ id }) => id)),
      mend: (connections) =>
        connections.map(({ id }) => `az network private-endpoint-connection delete --id ${id} --yes`).join("\n"),
    }),
    ...settingChecks(scene, service),
    ...authenticationChecks(scene, service),
  ];
}

interface Identity {
  readonly type?: string | null | undefined;
  readonly userAssignedIdentities?: Readonly<Record<string, unknown>> | null | undefined;
}

/** `[system]`, quoted for the shell, is what az calls the identity that a site has of its own. */
function identitiesOf(identity: Identity | null | undefined): string[] {
  const system = identity?.type?.includes("SystemAssigned") === true ? [`"[system]"`] : [];
  return [...Object.keys(identity?.userAssignedIdentities ?? {}), ...system];
}

/** Resource Manager names a slot `{site}/{slot}`. */
function slotName({ name }: { readonly name: string }): string {
  return name.split("/").at(-1) ?? name;
}

/** Case does not count in linuxFxVersion: https://github.com/Azure/azure-functions-ux/pull/3698 */
function inCaseOf(stated: string | undefined, found: string | null | undefined): string {
  return shown(found).toLowerCase() === shown(stated).toLowerCase() ? shown(stated) : shown(found);
}
