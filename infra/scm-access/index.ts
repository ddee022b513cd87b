/** Opens the SCM sites of a deployment for this machine by an access restriction, and closes them again. */
import type { Policy } from "@restricted-calls/shared/access-policy";
import { isInRanges, rangeOf, readForbiddenAddress } from "../../tools/address-ranges.ts";
import { reasonOf } from "../../tools/command-line.ts";
import { FinalError, retry } from "../../tools/poll.ts";
import {
  type Deployment,
  readRestrictions,
  readSites,
  type Restriction,
  type Site,
  writeRestrictions,
} from "./resource-manager.ts";

/** The names of rules for runners begin with it. No rule of the templates does. */
export const RUNNER_RULE = "runner-";

/** The origin at which an SCM site is called. */
export type OriginOf = (scmHost: string) => string;

export interface Options {
  readonly origin?: OriginOf;
  /** Milliseconds between two attempts. */
  readonly pauseMs?: number;
  /** Attempts before a step counts as failed. */
  readonly attempts?: number;
  /** Milliseconds for the whole command: no attempt begins later. */
  readonly timeoutMs?: number;
  readonly log?: (line: string) => void;
}

/** How many ranges one rule can hold: https://learn.microsoft.com/azure/app-service/app-service-ip-restrictions#multi-source-rules */
const MOST_RANGES = 8;

/** Milliseconds for a whole command. The workflow's step has a longer time limit, which ends it without a message. */
export const TIMEOUT_MS = 240_000;

/** A line says what the command waits for after so many attempts: about every 30 seconds. */
const SILENT_ATTEMPTS = 10;

/** Responses in a row that count: the machines of App Service's front end do not apply a change at the same moment. */
const RESPONSES_IN_A_ROW = 3;

/**
 * Opens every SCM site of the deployment for this machine, by a rule of the given name. Returns when the sites accept the
 * deployment's token from here, as azd deploy sends it. A site that accepts it already gets no rule.
 *
 * The rule has the address that the platform sees: when an access restriction refuses a request, the response contains it
 * in `x-ms-forbidden-ip`.
 *
 * @throws Error with the error of each site; other sites may have their rules, so close afterwards
 */
export async function open(deployment: Deployment, name: string, options: Options = {}): Promise<void> {
  const all = withDefaults(options);
  await forEachSite(deployment, all, (site) => openSite(deployment, site, name, all));
}

/**
 * Removes the rules that `isOurs` selects from every SCM site, and no other rule. Returns when the rules are gone and the
 * sites refuse this machine again. It is no error if there is nothing to remove.
 *
 * @throws Error with the error of each site: an address may still have access
 */
export async function close(
  deployment: Deployment,
  isOurs: (name: string) => boolean,
  options: Options = {},
): Promise<void> {
  const all = withDefaults(options);
  await forEachSite(deployment, all, (site) => closeSite(deployment, site, isOurs, all));
}

interface AllOptions extends Required<Omit<Options, "timeoutMs">> {
  /** Milliseconds since 1970: no attempt begins later. */
  readonly deadline: number;
}

function withDefaults({ timeoutMs = TIMEOUT_MS, ...options }: Options): AllOptions {
  const deadline = Date.now() + timeoutMs;
  return { origin: (host) => `https://${host}`, pauseMs: 3_000, attempts: 40, log: console.log, ...options, deadline };
}

async function openSite(deployment: Deployment, site: Site, name: string, options: AllOptions): Promise<void> {
  let responses = 0;
  await repeat(options, site.name, async () => {
    const address = await refusedAddress(site, options.origin);
    if (address !== undefined) {
      responses = 0;
      await addRule(deployment, site, name, address, options);
      throw new Error("The SCM site still refuses this machine, although a rule allows it.");
    }
    await requireAccepted(deployment, site, options.origin);
    responses += 1;
    if (responses < RESPONSES_IN_A_ROW) throw new Error("The SCM site does not respond to this machine each time.");
  });
  options.log(`${site.name}: the SCM site accepts this machine`);
}

/** Adds the address to this run's rule: a runner may have several outbound addresses. */
async function addRule(
  deployment: Deployment,
  site: Site,
  name: string,
  address: string,
  { log }: AllOptions,
): Promise<void> {
  // Not for closing, which must not fail because of a mistake in the policy.
  const { accessPolicy } = await import("../../tools/access-policy.ts");
  const { externalCallers = {} }: Policy = accessPolicy;
  for (const [caller, { addressRanges = [] }] of Object.entries(externalCallers)) {
    if (!isInRanges(address, addressRanges)) continue;
    throw new FinalError(
      `This machine calls from ${address}, an address of the external caller ${caller}, which must not reach the SCM sites: deploy from another one.`,
    );
  }
  const restrictions = await readRestrictions(deployment, site);
  // A rule that was declared or written a moment ago allows it already, and takes effect soon.
  if (restrictions.some((restriction) => allows(restriction, address))) return;
  const own = restrictions.find((restriction) => restriction.name === name);
  const ipAddress = [own?.ipAddress, rangeOf(address)].filter((range) => range !== undefined).join(",");
  if (ipAddress.split(",").length > MOST_RANGES) {
    throw new Error(`This machine has more than ${MOST_RANGES} outbound addresses: give it a fixed one.`);
  }
  const rule = {
    name,
    description: "Added by a pipeline's run, and removed at its end",
    action: "Allow",
    priority: 1000,
    ipAddress,
  };
  await writeRestrictions(deployment, site, [...restrictions.filter((restriction) => restriction !== own), rule]);
  log(`${site.name}: the rule ${name} allows ${address} to reach the SCM site`);
}

async function closeSite(
  deployment: Deployment,
  site: Site,
  isOurs: (name: string) => boolean,
  options: AllOptions,
): Promise<void> {
  const removed = new Set<string>();
  await repeat(options, site.name, async () => {
    const restrictions = await readRestrictions(deployment, site);
    const ours = restrictions.flatMap(({ name }) => (name !== undefined && isOurs(name) ? [name] : []));
    if (ours.length === 0) return;
    for (const name of ours) removed.add(name);
    const others = restrictions.filter(({ name }) => name === undefined || !isOurs(name));
    await writeRestrictions(deployment, site, others);
    throw new Error(`${ours.join(", ")} is still among the access restrictions of the SCM site.`);
  });
  if (removed.size === 0) {
    options.log(`${site.name}: no rule to remove`);
    return;
  }
  options.log(`${site.name}: removed ${[...removed].join(", ")}`);
  await repeat(options, site.name, async () => {
    if ((await refusedAddress(site, options.origin)) !== undefined) return;
    throw new Error(`${[...removed].join(", ")} is removed, but the SCM site still accepts this machine.`);
  });
  options.log(`${site.name}: the SCM site refuses this machine`);
}

/**
 * Sends a request without credentials to an SCM site.
 *
 * @returns the address that an access restriction refuses; undefined if none does
 * @throws Error if the response shows neither
 */
async function refusedAddress({ scmHost }: Site, origin: OriginOf): Promise<string | undefined> {
  const response = await fetch(origin(scmHost), { redirect: "manual", signal: AbortSignal.timeout(30_000) });
  await response.body?.cancel();
  if (response.status !== 403) return undefined;
  const address = readForbiddenAddress(response.headers.get("x-ms-forbidden-ip"));
  if (address === undefined) {
    throw new Error(`The SCM site returned 403, but not because of an access restriction. Is the app stopped?`);
  }
  if (/^f[cd]/i.test(address)) {
    throw new Error(
      `This machine calls through a service endpoint, as ${address}: no address range can allow it. Remove ` +
        `Microsoft.Web from the service endpoints of its subnet, so that it has a public address.`,
    );
  }
  return address;
}

/**
 * Calls the SCM site with the token, as azd does before it deploys (IsScmReady in azd's pkg/azsdk/zip_deploy_client.go).
 * A request without credentials gets its response from the front end, while Kudu may still start.
 *
 * @throws Error with the status
 */
async function requireAccepted({ token }: Deployment, { scmHost }: Site, origin: OriginOf): Promise<void> {
  const response = await fetch(`${origin(scmHost)}/api/deployments`, {
    headers: { authorization: `Bearer ${token}` },
    redirect: "manual",
    signal: AbortSignal.timeout(30_000),
  });
  await response.body?.cancel();
  if (response.ok) return;
  const hint =
    response.status === 401 || response.status === 403
      ? ": the deployer needs a role such as Website Contributor on the site"
      : "";
  throw new Error(`The SCM site returned ${response.status} for the deployment's token${hint}.`);
}

function allows({ action, ipAddress = "" }: Restriction, address: string): boolean {
  const ranges = ipAddress.split(",").map((range) => range.trim());
  return action === "Allow" && isInRanges(address, ranges);
}

/** Retries, because most failures here pass within a moment. Logs now and then what it waits for. */
function repeat<T>(options: AllOptions, what: string, attempt: () => Promise<T>): Promise<T> {
  const { pauseMs, attempts, deadline, log } = options;
  return retry(attempt, {
    pauseMs,
    attempts,
    timeoutMs: deadline - Date.now(),
    onRetry: (error, tried) => {
      if (tried % SILENT_ATTEMPTS === 0) log(`${what}: waiting, attempt ${tried} of ${attempts}. ${reasonOf(error)}`);
    },
  });
}

/** Handles every site, also if another one fails. */
async function forEachSite(
  deployment: Deployment,
  options: AllOptions,
  action: (site: Site) => Promise<void>,
): Promise<void> {
  const sites = await repeat(options, deployment.resourceGroup, () => readSites(deployment));
  if (sites.length === 0) throw new Error(`There is no site in the resource group ${deployment.resourceGroup}.`);
  const results = await Promise.allSettled(sites.map(action));
  const wrong = results.flatMap((result, i) =>
    result.status === "rejected" ? [`${sites[i]?.name ?? ""}: ${reasonOf(result.reason)}`] : [],
  );
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
}
