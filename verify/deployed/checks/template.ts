import * as v from "valibot";
import { type PlannedCheck, question, shown, wording } from "../check.ts";
import { following, type Read } from "../azure/reading.ts";
import { PROVISION, provisionUnlessPolicy, type Scene } from "../view.ts";
import { type ExpectedResource, expectedResources, isExpression } from "../expected.ts";

/** Of these nothing is compared here: checks of their own look at them, or Resource Manager does not have them. */
const ELSEWHERE =
  /^Microsoft\.(Graph\/|ManagedIdentity\/|Authorization\/roleAssignments$|Resources\/|Web\/sites\/basicPublishingCredentialsPolicies$)/;

/** What checks of their own look at, by type of resource and path. */
const OWN_CHECK: Readonly<Record<string, RegExp>> = {
  "Microsoft.Web/sites":
    /^(serverFarmId|httpsOnly|publicNetworkAccess|virtualNetworkSubnetId|outboundVnetRouting|sshEnabled|endToEndEncryptionEnabled|functionsRuntimeAdminIsolationEnabled|siteConfig\.(linuxFxVersion|minTlsVersion|scmMinTlsVersion|ftpsState|remoteDebuggingEnabled|appSettings|(scmI|i)pSecurityRestrictions\w*))$/,
  "Microsoft.Storage/storageAccounts":
    /^(allowSharedKeyAccess|allowBlobPublicAccess|minimumTlsVersion|supportsHttpsTrafficOnly|networkAcls|sasPolicy)$/,
  "Microsoft.Network/virtualNetworks":
    /^subnets\.[^.]+\.properties\.(delegations|serviceEndpoints|networkSecurityGroup)$/,
  "Microsoft.Network/networkSecurityGroups": /^securityRules$/,
};

/**
 * What parameters of the deployment decide, and the committed snapshot cannot know: sizes, numbers of instances, address
 * ranges, retention and amount of logs, who gets mail. `skipQueryValidation` is an instruction to the deployment, which nothing keeps.
 */
const BY_PARAMETER =
  /(^|\.)(zoneRedundant|maximumElasticWorkerCount|minimumElasticInstanceCount|functionAppScaleLimit|addressSpace|addressPrefix|addressPrefixes|retentionInDays|dailyQuotaGb|emailReceivers|actionGroups|skipQueryValidation)$/;

const WHY =
  "It was changed by hand, or a policy changed it: what the tests have shown of the template does not hold of it.";

/**
 * Every resource of the evaluated template, property by property, as far as no other check looks at it: what the template
 * states must be there. A property that is added to the template is compared without a line here.
 */
export function templateChecks(scene: Scene): PlannedCheck[] {
  return expectedResources(scene.deployment)
    .filter(({ type }) => !ELSEWHERE.test(type))
    .map((resource) => templateCheck(scene, resource));
}

function templateCheck(scene: Scene, resource: ExpectedResource): PlannedCheck {
  const account = accountIn(scene, resource.id);
  const name = nameOf(
    scene,
    account === undefined ? resource.id : resource.id.replace(account.madeUpName, account.title),
  );
  return question({
    id: `template/${name}`,
    title: `${name}: what the template states`,
    resource: account === undefined ? resource.id : resource.id.replace(account.madeUpName, "{account}"),
    read:
      account === undefined
        ? propertiesOf(scene, resource)
        : () => following(account.name, (own) => propertiesOf(scene, inNamesOf(resource, account.madeUpName, own))()),
    expected: "as the template states it",
    why: WHY,
    found: (properties) =>
      wording(differences(resource.properties, properties, comparedOf(resource.type))).replace(
        /^none$/,
        "as the template states it",
      ),
    // An account's public network access is among these values.
    mend: resource.type === "Microsoft.Storage/storageAccounts" ? provisionUnlessPolicy(scene.deployment) : PROVISION,
    // Of these, checks of their own say so.
    mustExist: !/^Microsoft\.(Web\/sites|Storage\/storageAccounts)$/.test(resource.type),
  });
}

type Properties = Readonly<Record<string, unknown>>;

const answer = v.object({ properties: v.nullish(v.record(v.string(), v.unknown())) });

/** A site's `siteConfig` comes back almost empty with the site: it is read from `config/web`. */
function propertiesOf({ arm }: Scene, { id, type, apiVersion }: ExpectedResource): Read<Properties> {
  const permission = `${type}/read, of the Azure role Reader`;
  const read = async (path: string) => arm.get(`${path}?api-version=${apiVersion}`, answer, permission);
  return () =>
    following(
      () => read(id),
      async ({ properties }) => {
        if (type !== "Microsoft.Web/sites") return { kind: "found", value: properties ?? {} };
        const config = await read(`${id}/config/web`);
        if (config.kind !== "found") return config;
        return { kind: "found", value: { ...properties, siteConfig: config.value.properties ?? {} } };
      },
    );
}

function comparedOf(type: string): (path: string) => boolean {
  return (path) => !BY_PARAMETER.test(path) && OWN_CHECK[type]?.test(path) !== true;
}

/**
 * Where a value differs from what is stated, as paths with what was found. Nothing is said of what the statement leaves out,
 * nor of what only Azure knows. Case does not count. What is stated as off, or as nothing, may be left out of an answer.
 */
function differences(stated: unknown, found: unknown, isCompared: (path: string) => boolean, path = ""): string[] {
  if (path !== "" && !isCompared(path)) return [];
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if (Array.isArray(stated)) {
    const list: readonly unknown[] = Array.isArray(found) ? found : [];
    return stated.flatMap((item: unknown) => {
      const twin = list.find((one) => isSame(item, one));
      if (twin === undefined) return isCompared(at(keyOf(item))) ? [`${at(keyOf(item))}: missing`] : [];
      return differences(item, twin, isCompared, at(keyOf(item)));
    });
  }
  if (isRecord(stated)) {
    const members = isRecord(found) ? found : {};
    return Object.entries(stated).flatMap(([name, value]) => differences(value, members[name], isCompared, at(name)));
  }
  if (isExpression(stated) || stated === null || stated === "" || (stated === false && isNothing(found))) return [];
  if (typeof stated === "object" || isSameText(stated, found)) return [];
  return [`${path}: ${isRecord(found) || Array.isArray(found) ? "another form" : shown(found as Scalar)}`];
}

/** Entries of a list are the same by their names; those without a name, by all that is stated of them. */
function isSame(stated: unknown, found: unknown): boolean {
  if (isRecord(stated) && typeof stated["name"] === "string")
    return isRecord(found) && isSameText(stated["name"], found["name"]);
  return differences(stated, found, () => true).length === 0;
}

/** What an entry of a list is called in a path: its name, or the first text in it; of an id, the end. */
function keyOf(item: unknown): string {
  const texts = isRecord(item) ? [item["name"], ...Object.values(item)] : [String(item)];
  const text = texts.find((value) => typeof value === "string") ?? "?";
  return text.split("/").at(-1) ?? text;
}

type Scalar = string | number | boolean | null | undefined;

function isSameText(stated: unknown, found: unknown): boolean {
  return String(stated).toLowerCase() === String(found).toLowerCase();
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null;
}

function isRecord(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface AccountName {
  readonly madeUpName: string;
  /** For an id. */
  readonly title: string;
  /** What the account is called in the deployment. */
  readonly name: Read<string>;
}

/** The storage account that a resource is, or is in. */
function accountIn({ services }: Scene, id: string): AccountName | undefined {
  return services
    .flatMap(({ name, expected, azure }) =>
      (["host", "data"] as const).map((purpose) => ({
        madeUpName: expected.accounts[purpose].madeUpName,
        title: `${name}-${purpose}`,
        name: () =>
          following(azure.account(purpose), (account) =>
            Promise.resolve({ kind: "found" as const, value: account.name }),
          ),
      })),
    )
    .find(({ madeUpName }) => id.includes(`/storageAccounts/${madeUpName}`));
}

function inNamesOf(resource: ExpectedResource, madeUp: string, own: string): ExpectedResource {
  return { ...resource, id: resource.id.replace(madeUp, own) };
}

/** Type and name of a resource and of what it is in, without the deployment's suffix: `sites/callee-func`. */
function nameOf({ deployment }: Scene, id: string): string {
  return id
    .split("/")
    .slice(7)
    .filter((part, i, parts) => part !== "providers" && parts[i - 1] !== "providers")
    .join("/")
    .replaceAll(`-${deployment.suffix}`, "");
}
