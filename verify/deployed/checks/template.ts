/**
 * Checks every resource of the evaluated template: each stated property that no other check reads must have its value. A new
 * property of the template needs no line here.
 */
import * as v from "valibot";
import type { PlannedCheck } from "../../model/plan.ts";
import { plannedCheck, shown, wording } from "../check.ts";
import { following, found, member, type Read } from "../azure/reading.ts";
import { PROVISION, provisionUnlessPolicy } from "../fixes.ts";
import type { DeploymentView } from "../view.ts";
import { type ExpectedResource, isExpression } from "../expected.ts";

/** Not compared here: other checks read these types, or Resource Manager does not have them. */
const ELSEWHERE =
  /^Microsoft\.(Graph\/|ManagedIdentity\/|Authorization\/roleAssignments$|Resources\/|Web\/sites\/basicPublishingCredentialsPolicies$)/;

/** Properties that other checks read, by type of resource and path. */
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
 * Properties that parameters of the deployment set, unknown to the committed snapshot: sizes, numbers of instances, address
 * ranges, retention and amount of logs, recipients of mail. Azure does not store `skipQueryValidation`.
 */
const BY_PARAMETER =
  /(^|\.)(zoneRedundant|maximumElasticWorkerCount|minimumElasticInstanceCount|functionAppScaleLimit|addressSpace|addressPrefix|addressPrefixes|retentionInDays|dailyQuotaGb|emailReceivers|actionGroups|skipQueryValidation)$/;

const WHY = "It was changed by hand or by a policy: the tests of the template do not apply to it.";

export function templateChecks(view: DeploymentView): PlannedCheck[] {
  return view.resources.filter(({ type }) => !ELSEWHERE.test(type)).map((resource) => templateCheck(view, resource));
}

function templateCheck(view: DeploymentView, resource: ExpectedResource): PlannedCheck {
  const account = accountIn(view, resource.id);
  const name = nameOf(
    view,
    account === undefined ? resource.id : resource.id.replace(account.madeUpName, account.title),
  );
  return plannedCheck({
    id: `template/${name}`,
    title: `${name}: what the template states`,
    resource: account === undefined ? resource.id : resource.id.replace(account.madeUpName, "{account}"),
    read:
      account === undefined
        ? propertiesOf(view, resource)
        : () => following(account.name, (own) => propertiesOf(view, inNamesOf(resource, account.madeUpName, own))()),
    expected: "as the template states it",
    why: WHY,
    found: (properties) =>
      wording(differences(resource.properties, properties, comparedOf(resource.type)), "as the template states it"),
    // A policy may have set an account's public network access.
    fix: resource.type === "Microsoft.Storage/storageAccounts" ? provisionUnlessPolicy(view.deployment) : PROVISION,
    // Other checks report a missing site or storage account.
    mustExist: !/^Microsoft\.(Web\/sites|Storage\/storageAccounts)$/.test(resource.type),
  });
}

type Properties = Readonly<Record<string, unknown>>;

const response = v.object({ properties: v.nullish(v.record(v.string(), v.unknown())) });

/** A site's own `siteConfig` is almost empty, so it is read from `config/web`. */
function propertiesOf({ arm }: DeploymentView, { id, type, apiVersion }: ExpectedResource): Read<Properties> {
  const permission = `${type}/read, of the Azure role Reader`;
  const read = async (path: string) => arm.get(`${path}?api-version=${apiVersion}`, response, permission);
  return () =>
    following(
      () => read(id),
      async ({ properties }) => {
        if (type !== "Microsoft.Web/sites") return found(properties ?? {});
        const config = await read(`${id}/config/web`);
        if (config.kind !== "found") return config;
        return found({ ...properties, siteConfig: config.value.properties ?? {} });
      },
    );
}

function comparedOf(type: string): (path: string) => boolean {
  return (path) => !BY_PARAMETER.test(path) && OWN_CHECK[type]?.test(path) !== true;
}

/**
 * The paths where a value differs from the stated one, with the found value. Ignores case, values that the template does not
 * state, and expressions, which only Azure knows. A response may omit a value that is stated as false, null or empty.
 */
function differences(stated: unknown, found: unknown, isCompared: (path: string) => boolean, path = ""): string[] {
  if (path !== "" && !isCompared(path)) return [];
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if (Array.isArray(stated)) {
    const list: readonly unknown[] = Array.isArray(found) ? found : [];
    // One more condition narrows an alert.
    const more = /(^|\.)allOf$/.test(path) && list.length > stated.length ? [`${path}: more conditions`] : [];
    const wrong = stated.flatMap((item: unknown) => {
      const twin = list.find((one) => isSame(item, one));
      if (twin === undefined) return isCompared(at(keyOf(item))) ? [`${at(keyOf(item))}: missing`] : [];
      return differences(item, twin, isCompared, at(keyOf(item)));
    });
    return [...more, ...wrong];
  }
  if (isRecord(stated)) {
    const members = isRecord(found) ? found : {};
    return Object.entries(stated).flatMap(([name, value]) => differences(value, members[name], isCompared, at(name)));
  }
  if (isExpression(stated) || stated === null || stated === "" || (stated === false && isNothing(found))) return [];
  if (typeof stated === "object" || isSameText(stated, found)) return [];
  return [`${path}: ${isRecord(found) || Array.isArray(found) ? "another form" : shown(found as Scalar)}`];
}

/** Compares entries of a list by name, or else by every stated value. */
function isSame(stated: unknown, found: unknown): boolean {
  if (isRecord(stated) && typeof stated["name"] === "string")
    return isRecord(found) && isSameText(stated["name"], found["name"]);
  return differences(stated, found, () => true).length === 0;
}

/** The name of a list entry in a path: its name, or its first text; of an id, the end. */
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
  /** The name of the account in the deployment. */
  readonly name: Read<string>;
}

/** The storage account that a resource is, or is in. */
function accountIn({ services }: DeploymentView, id: string): AccountName | undefined {
  return services
    .flatMap(({ name, accounts, azure }) =>
      (["host", "data"] as const).map((purpose) => ({
        madeUpName: accounts[purpose].madeUpName,
        title: `${name}-${purpose}`,
        name: member(azure.account(purpose), (account) => account.name),
      })),
    )
    .find(({ madeUpName }) => id.includes(`/storageAccounts/${madeUpName}`));
}

function inNamesOf(resource: ExpectedResource, madeUp: string, own: string): ExpectedResource {
  return { ...resource, id: resource.id.replace(madeUp, own) };
}

/** Type and name of a resource and of its parents, without the deployment's suffix: `sites/billing-func`. */
function nameOf({ deployment }: DeploymentView, id: string): string {
  return id
    .split("/")
    .slice(7)
    .filter((part, i, parts) => part !== "providers" && parts[i - 1] !== "providers")
    .join("/")
    .replaceAll(`-${deployment.suffix}`, "");
}
