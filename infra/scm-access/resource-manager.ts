/** The requests to Azure Resource Manager about sites: list them, read and write access restrictions, sync triggers. */
import { reasonOf } from "../../tools/command-line.ts";
import { FinalError } from "../../tools/poll.ts";

/** A deployment, and what a request to Resource Manager about it needs. */
export interface Deployment {
  /** Resource Manager's origin. */
  readonly resourceManager: string;
  /** An access token for Resource Manager. The SCM sites accept it as well. */
  readonly token: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
}

/**
 * The deployment that an azd environment names.
 *
 * @throws Error if a value is missing
 */
export function deploymentOf(environment: NodeJS.ProcessEnv): Pick<Deployment, "subscriptionId" | "resourceGroup"> {
  const {
    AZURE_SUBSCRIPTION_ID: subscriptionId = "",
    AZURE_RESOURCE_GROUP: group = "",
    AZURE_ENV_NAME: name = "",
  } = environment;
  if (subscriptionId === "" || (group === "" && name === "")) {
    throw new Error("Set AZURE_SUBSCRIPTION_ID and AZURE_ENV_NAME to those of the deployment (azd env get-values).");
  }
  // main.bicep names the group after the environment.
  return { subscriptionId, resourceGroup: group === "" ? `rg-${name}` : group };
}

export interface Site {
  readonly name: string;
  /** The host name of the SCM site, to which azd sends the code. */
  readonly scmHost: string;
}

/** An access restriction of `config/web`. Its other properties are written back unchanged. */
export interface Restriction {
  readonly name?: string;
  readonly action?: string;
  readonly priority?: number;
  /** Up to eight ranges, separated by commas. */
  readonly ipAddress?: string;
}

/** The templates deploy sites with the same version. */
const API_VERSION = "2025-03-01";

/** Milliseconds for one response. */
const RESPONSE_TIMEOUT_MS = 30_000;

/**
 * The sites of the resource group; none if there is no such group.
 *
 * @throws Error if Resource Manager refuses or cannot be reached
 */
export async function readSites(deployment: Deployment): Promise<Site[]> {
  const sites: Site[] = [];
  let next: string | undefined = urlOf(deployment, "");
  while (next !== undefined) {
    const page: Page | undefined = await send<Page>(deployment, "GET", next);
    sites.push(...(page?.value ?? []).map(siteOf));
    next = page?.nextLink;
  }
  return sites;
}

/** @throws Error if Resource Manager refuses or cannot be reached */
export async function readRestrictions(deployment: Deployment, site: Site): Promise<readonly Restriction[]> {
  const config = await send<Config>(deployment, "GET", urlOf(deployment, `/${site.name}/config/web`));
  if (config === undefined) throw new Error(`Resource Manager no longer finds ${site.name}.`);
  return config.properties.scmIpSecurityRestrictions ?? [];
}

/**
 * Replaces the SCM site's access restrictions. Resource Manager has no conditional update for them: a change that another
 * client makes between reading and writing is lost, so run one pipeline at a time.
 *
 * @throws Error if Resource Manager refuses or cannot be reached
 */
export async function writeRestrictions(
  deployment: Deployment,
  site: Site,
  restrictions: readonly Restriction[],
): Promise<void> {
  const body = { properties: { scmIpSecurityRestrictions: restrictions } };
  await send(deployment, "PATCH", urlOf(deployment, `/${site.name}/config/web`), body);
}

/**
 * Has the platform read the site's triggers again.
 *
 * @see https://learn.microsoft.com/rest/api/appservice/web-apps/sync-function-triggers
 * @throws Error if Resource Manager refuses, cannot be reached, or cannot reach the app; FinalError if a retry cannot help
 */
export async function syncFunctionTriggers(deployment: Deployment, site: Site): Promise<void> {
  const response = await send(deployment, "POST", syncFunctionTriggersUrl(deployment, site));
  if (response === undefined) throw new FinalError(`Resource Manager no longer finds ${site.name}.`);
}

/** The URL of that request, for a person who sends it by hand. */
export function syncFunctionTriggersUrl(deployment: Deployment, site: Site): string {
  return urlOf(deployment, `/${site.name}/syncfunctiontriggers`);
}

interface Page {
  readonly value: readonly SiteResource[];
  readonly nextLink?: string;
}

interface SiteResource {
  readonly name: string;
  readonly properties: {
    readonly hostNameSslStates?: readonly { readonly name: string; readonly hostType: string }[];
  };
}

interface Config {
  readonly properties: { readonly scmIpSecurityRestrictions?: readonly Restriction[] | null };
}

function urlOf({ resourceManager, subscriptionId, resourceGroup }: Deployment, path: string): string {
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`;
  return `${resourceManager}${group}/providers/Microsoft.Web/sites${path}?api-version=${API_VERSION}`;
}

/** azd reads the host name from the same property. */
function siteOf({ name, properties }: SiteResource): Site {
  const scm = properties.hostNameSslStates?.find(({ hostType }) => hostType === "Repository");
  if (scm === undefined) throw new Error(`Resource Manager returned no SCM host for ${name}.`);
  return { name, scmHost: scm.name };
}

/** @returns undefined for 404 */
async function send<T>(
  { resourceManager, token }: Deployment,
  method: string,
  url: string,
  body?: object,
): Promise<T | undefined> {
  if (new URL(url).origin !== new URL(resourceManager).origin) {
    throw new Error(`Resource Manager returned a link to ${new URL(url).origin}, to which its token is not sent.`);
  }
  const { status, text } = await exchange(url, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
  });
  if (status === 404) return undefined;
  const refusal = `Resource Manager returned ${status} for ${method}: ${reasonIn(text)}`;
  if (status === 401 || status === 403) throw new FinalError(refusal);
  if (status < 200 || status > 299) throw new Error(refusal);
  // 204 has no text.
  return (text === "" ? {} : JSON.parse(text)) as T;
}

async function exchange(
  url: string,
  request: RequestInit,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const response = await fetch(url, request);
    return { status: response.status, text: await response.text() };
  } catch (error) {
    throw new Error(`Resource Manager (${new URL(url).origin}) cannot be reached: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** Resource Manager's own message, which says what is missing. */
function reasonIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { readonly error: { readonly code: string; readonly message: string } };
    return `${error.code}: ${error.message}`;
  } catch {
    return text.slice(0, 200);
  }
}
