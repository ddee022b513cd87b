import { reasonOf } from "../../tools/command-line.ts";

/** An error that no later attempt changes. */
export class FinalError extends Error {
  override readonly name = "FinalError";
}

/** The one deployment, as Azure Resource Manager gives access to it. */
export interface Deployment {
  /** Resource Manager's origin. */
  readonly resourceManager: string;
  /** An access token for Resource Manager, which the SCM sites take as well. */
  readonly token: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
}

export interface Site {
  readonly name: string;
  /** The host name of the SCM site, where azd sends the code. */
  readonly scmHost: string;
}

/** An access restriction, as `config/web` has it. Whatever else it holds is written back as it was read. */
export interface Restriction {
  readonly name?: string;
  readonly action?: string;
  readonly priority?: number;
  /** Up to eight ranges with commas between them. */
  readonly ipAddress?: string;
}

/** The version that the templates deploy sites with. */
const API_VERSION = "2025-03-01";

/** Milliseconds for one response. */
const RESPONSE_TIMEOUT_MS = 30_000;

/**
 * The sites of the resource group; none where there is no such group.
 *
 * @throws Error when Resource Manager refuses, or cannot be reached
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

/** @throws Error when Resource Manager refuses, or cannot be reached */
export async function readRestrictions(deployment: Deployment, site: Site): Promise<readonly Restriction[]> {
  const config = await send<Config>(deployment, "GET", urlOf(deployment, `/${site.name}/config/web`));
  if (config === undefined) throw new Error(`Resource Manager no longer finds ${site.name}.`);
  return config.properties.scmIpSecurityRestrictions ?? [];
}

/**
 * Puts a list in place of the SCM site's access restrictions. Resource Manager has no conditional update of them, so a
 * change that somebody else makes between reading and writing is lost: one pipeline at a time.
 *
 * @throws Error when Resource Manager refuses, or cannot be reached
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
 * Has the platform read the site's triggers anew.
 *
 * @see https://learn.microsoft.com/rest/api/appservice/web-apps/sync-function-triggers
 * @throws Error when Resource Manager refuses, cannot be reached, or does not reach the app; FinalError where it goes on so
 */
export async function syncFunctionTriggers(deployment: Deployment, site: Site): Promise<void> {
  const answer = await send(deployment, "POST", syncFunctionTriggersUrl(deployment, site));
  if (answer === undefined) throw new FinalError(`Resource Manager no longer finds ${site.name}.`);
}

/** Where Resource Manager takes that request, for whoever makes it by hand. */
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

/** azd takes the host name from the same place. */
function siteOf({ name, properties }: SiteResource): Site {
  const scm = properties.hostNameSslStates?.find(({ hostType }) => hostType === "Repository");
  if (scm === undefined) throw new Error(`Resource Manager names no SCM host for ${name}.`);
  return { name, scmHost: scm.name };
}

/** @returns undefined where there is no such thing */
async function send<T>(
  { resourceManager, token }: Deployment,
  method: string,
  url: string,
  body?: object,
): Promise<T | undefined> {
  if (new URL(url).origin !== new URL(resourceManager).origin) {
    throw new Error(`Resource Manager points to ${new URL(url).origin}, which gets no token from here.`);
  }
  const { status, text } = await answerTo(url, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
  });
  if (status === 404) return undefined;
  const refusal = `Resource Manager answers ${status} to ${method}: ${reasonIn(text)}`;
  if (status === 401 || status === 403) throw new FinalError(refusal);
  if (status < 200 || status > 299) throw new Error(refusal);
  // 204 has no text.
  return (text === "" ? {} : JSON.parse(text)) as T;
}

async function answerTo(
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

/** Resource Manager's own words, which say what is missing. */
function reasonIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { readonly error: { readonly code: string; readonly message: string } };
    return `${error.code}: ${error.message}`;
  } catch {
    return text.slice(0, 200);
  }
}
