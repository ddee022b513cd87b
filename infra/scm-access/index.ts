import { setTimeout as delay } from "node:timers/promises";
import { isInRanges, rangeOf, readForbiddenAddress } from "../../tools/address-ranges.ts";
import { reasonOf } from "../../tools/command-line.ts";
import {
  type Deployment,
  FinalError,
  readRestrictions,
  readSites,
  type Restriction,
  type Site,
  writeRestrictions,
} from "./resource-manager.ts";

/** What all rules that let a runner in begin with. The templates name theirs otherwise. */
export const RUNNER_RULE = "runner-";

/** The origin at which an SCM site is called. */
export type OriginOf = (scmHost: string) => string;

export interface Options {
  readonly origin?: OriginOf;
  /** Milliseconds between two attempts. */
  readonly pauseMs?: number;
  /** How often each step is tried before it counts as failed. */
  readonly attempts?: number;
  /** Milliseconds for the whole command: no attempt begins later. */
  readonly timeoutMs?: number;
  readonly log?: (line: string) => void;
}

/** The ranges that one rule can hold: https://learn.microsoft.com/azure/app-service/app-service-ip-restrictions#multi-source-rules */
const MOST_RANGES = 8;

/** Milliseconds for a whole command: less than the time limit of the workflow's step, which ends it without a message. */
export const TIMEOUT_MS = 240_000;

/** Says every so many attempts, about each half minute, what it waits for. */
const SILENT_ATTEMPTS = 10;

/** The front end has many machines, and they do not learn of a change at the same moment. */
const ANSWERS_IN_A_ROW = 3;

/**
 * Lets this machine in to every SCM site of the deployment, by a rule of the given name, and returns when the sites
 * take the deployment's token from here, as azd deploy sends it. A site that does so already gets no rule.
 *
 * The address is the one that the platform itself sees: where an access restriction refuses a request, the answer names
 * it in `x-ms-forbidden-ip`.
 *
 * @throws Error with what went wrong, by site; rules of the others may be in place, so close afterwards
 */
export async function open(deployment: Deployment, name: string, options: Options = {}): Promise<void> {
  const all = withDefaults(options);
  await forEachSite(deployment, all, (site) => openSite(deployment, site, name, all));
}

/**
 * Removes the rules that `isOurs` picks from every SCM site, and no other rule. Returns when the rules are gone and the
 * sites refuse this machine again. Nothing to remove is no error.
 *
 * @throws Error with what went wrong, by site: an address may still be let in
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
  let answered = 0;
  await repeat(options, site.name, async () => {
    const address = await refusedAddress(site, options.origin);
    if (address !== undefined) {
      answered = 0;
      await letIn(deployment, site, name, address, options);
      throw new Error("The SCM site still refuses this machine, which is let in.");
    }
    await requireAnswer(deployment, site, options.origin);
    answered += 1;
    if (answered < ANSWERS_IN_A_ROW) throw new Error("The SCM site does not answer this machine each time.");
  });
  options.log(`${site.name}: the SCM site answers this machine`);
}

/** A runner may come from one address now and from another one later, so the rule grows. */
async function letIn(
  deployment: Deployment,
  site: Site,
  name: string,
  address: string,
  { log }: AllOptions,
): Promise<void> {
  const restrictions = await readRestrictions(deployment, site);
  // Declared, or let in a moment ago: it only takes time.
  if (restrictions.some((restriction) => letsIn(restriction, address))) return;
  const own = restrictions.find((restriction) => restriction.name === name);
  const ipAddress = [own?.ipAddress, rangeOf(address)].filter((range) => range !== undefined).join(",");
  if (ipAddress.split(",").length > MOST_RANGES) {
    throw new Error(`This machine comes from more than ${MOST_RANGES} addresses: give it a fixed one.`);
  }
  const rule = {
    name,
    description: "A pipeline's run; removed at its end",
    action: "Allow",
    priority: 1000,
    ipAddress,
  };
  await writeRestrictions(deployment, site, [...restrictions.filter((restriction) => restriction !== own), rule]);
  log(`${site.name}: ${address} is let in to the SCM site as ${name}`);
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
    throw new Error(`${[...removed].join(", ")} is removed, and yet the SCM site answers this machine.`);
  });
  options.log(`${site.name}: the SCM site refuses this machine`);
}

/**
 * Asks an SCM site, without credentials.
 *
 * @returns the address that an access restriction refuses; undefined when the site itself responds
 * @throws Error when neither can be told from the answer
 */
async function refusedAddress({ scmHost }: Site, origin: OriginOf): Promise<string | undefined> {
  const response = await fetch(origin(scmHost), { redirect: "manual", signal: AbortSignal.timeout(30_000) });
  await response.body?.cancel();
  if (response.status !== 403) return undefined;
  const address = readForbiddenAddress(response.headers.get("x-ms-forbidden-ip"));
  if (address === undefined) {
    throw new Error(`The SCM site answers 403, and not by an access restriction. Is the app stopped?`);
  }
  if (/^f[cd]/i.test(address)) {
    throw new Error(
      `This machine comes through a service endpoint, as ${address}: an address range cannot let it in. Take ` +
        `Microsoft.Web from the service endpoints of its subnet, so that it comes from a public address.`,
    );
  }
  return address;
}

/**
 * Calls the SCM site as azd does before it deploys (IsScmReady in azd's pkg/azsdk/zip_deploy_client.go): an answer without
 * credentials is the front end's, and Kudu behind it may still start.
 *
 * @throws Error with what it answers
 */
async function requireAnswer({ token }: Deployment, { scmHost }: Site, origin: OriginOf): Promise<void> {
  const response = await fetch(`${origin(scmHost)}/api/deployments`, {
    headers: { authorization: `Bearer ${token}` },
    redirect: "manual",
    signal: AbortSignal.timeout(30_000),
  });
  await response.body?.cancel();
  if (response.ok) return;
  const hint =
    response.status === 401 || response.status === 403
      ? ": whoever deploys needs a role such as Website Contributor on the site"
      : "";
  throw new Error(`The SCM site answers ${response.status} to the deployment's token${hint}.`);
}

function letsIn({ action, ipAddress = "" }: Restriction, address: string): boolean {
  const ranges = ipAddress.split(",").map((range) => range.trim());
  return action === "Allow" && isInRanges(address, ranges);
}

/**
 * Tries until it succeeds: most failures here pass within a moment. Says now and then what it waits for.
 *
 * @throws the last error; the first one where it is final
 */
async function repeat<T>(options: AllOptions, what: string, attempt: () => Promise<T>): Promise<T> {
  const { attempts, pauseMs, deadline, log } = options;
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof FinalError || tried >= attempts || Date.now() + pauseMs > deadline) throw error;
      if (tried % SILENT_ATTEMPTS === 0) log(`${what}: waiting, attempt ${tried} of ${attempts}. ${reasonOf(error)}`);
      await delay(pauseMs);
    }
  }
}

/** Handles every site, also where another one fails. */
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
