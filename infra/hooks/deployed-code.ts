/** Checks that a site runs the code that was just deployed, and has the platform read its triggers. */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { reasonOf } from "../../tools/command-line.ts";
import { FinalError, retry } from "../../tools/poll.ts";
import { writeFileSync } from "../../tools/write-file.ts";
import { readForbiddenAddress } from "../../tools/address-ranges.ts";
import {
  type Deployment,
  type Site,
  syncFunctionTriggers,
  syncFunctionTriggersUrl,
} from "../scm-access/resource-manager.ts";

/** The newest deployment as an SCM site returns it: Kudu.Contracts/Deployment/DeployResult.cs. */
interface DeployResult {
  readonly id: string;
  readonly status: number;
  readonly status_text: string;
  readonly received_time: string;
}

/** Kudu.Contracts/Deployment/DeployStatus.cs, the same in KuduLite (Linux). `complete` is true for the last two. */
const STATUS = ["Pending", "Building", "Deploying", "Failed", "Success"];
const FAILED = 3;
const SUCCESS = 4;

const startFile = join(import.meta.dirname, "..", "..", ".local", "azd", "deployment-start");

export interface Options {
  /** The origin at which an SCM site is called. */
  readonly origin?: (scmHost: string) => string;
  /** Milliseconds between two attempts. */
  readonly pauseMs?: number;
  /** Attempts before a step counts as failed. */
  readonly attempts?: number;
  readonly log?: (line: string) => void;
}

/** Records that a deployment begins now. */
export function noteStart(): void {
  mkdirSync(dirname(startFile), { recursive: true });
  writeFileSync(startFile, new Date().toISOString());
}

/**
 * When the last deployment from this checkout began.
 *
 * @throws Error if none was recorded
 */
export function readStart(): Date {
  try {
    return new Date(readFileSync(startFile, "utf8"));
  } catch (error) {
    throw new Error(
      "No deployment was started in this checkout. azd deploy runs this hook (azure.yaml); do not run it by hand.",
      { cause: error },
    );
  }
}

/**
 * Requires that a site has the code of this run: its newest deployment succeeded and began after the run did. azd 1.31.2
 * exits with 0 when Kudu reports `complete`, also for a failed deployment (cli/azd/pkg/azsdk/zip_deploy_client.go).
 *
 * @param start when this run began, by this machine's clock. Only durations are compared, so the clocks may differ
 * @throws Error with the site's response and what to do
 */
export async function requireDeployed(
  { token, resourceGroup }: Deployment,
  site: Site,
  start: Date,
  options: Options = {},
): Promise<void> {
  const { origin, log } = withDefaults(options);
  const url = `${origin(site.scmHost)}/api/deployments/latest`;
  await repeat(site, options, async () => {
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${token}` },
      redirect: "error",
      signal: AbortSignal.timeout(30_000),
    });
    const result = await readResult(response);
    if (result.status === FAILED) {
      throw new FinalError(
        `the deployment ${result.id} failed: ${result.status_text || "no reason given"}. The site still runs its previous ` +
          `code, or a part of the new code. Its log: az functionapp log deployment show --resource-group ` +
          `${resourceGroup} --name ${site.name}. Then azd deploy again.`,
      );
    }
    if (result.status !== SUCCESS)
      throw new Error(`the deployment has the status ${STATUS[result.status] ?? result.status}`);
    const now = Date.parse(response.headers.get("date") ?? new Date().toUTCString());
    const age = now - Date.parse(result.received_time);
    // The header has no fractions of a second.
    if (!(age <= Date.now() - start.getTime() + 1000)) {
      throw new Error(`the newest deployment is of ${result.received_time}, before this run began`);
    }
    log(`${site.name}: deployed (${result.id}, received ${result.received_time})`);
  });
}

/**
 * Has the platform read the triggers of the code, by which it scales. azd does not do so on these plans.
 *
 * Retries: while the host starts after a deployment, Resource Manager returns 400 or 503
 * (https://github.com/Azure/azure-functions-core-tools/issues/1457).
 *
 * @see https://learn.microsoft.com/azure/azure-functions/functions-deployment-technologies#trigger-syncing
 * @throws Error with Resource Manager's response and what to do
 */
export async function synchroniseTriggers(deployment: Deployment, site: Site, options: Options = {}): Promise<void> {
  const { log } = withDefaults(options);
  try {
    await repeat(site, options, () => syncFunctionTriggers(deployment, site));
  } catch (error) {
    const url = syncFunctionTriggersUrl(deployment, site);
    throw new Error(
      `${reasonOf(error)}\nThe code is deployed, but the platform may not know its triggers. When the app runs: ` +
        `az rest --method POST --url "${url}"`,
      { cause: error },
    );
  }
  log(`${site.name}: triggers synchronised`);
}

/** @throws Error if there is no result yet; FinalError if there will be none */
async function readResult(response: Response): Promise<DeployResult> {
  const text = await response.text();
  if (response.status === 401 || response.status === 403) {
    const address = readForbiddenAddress(response.headers.get("x-ms-forbidden-ip"));
    throw new FinalError(
      address === undefined
        ? `the SCM site returned ${response.status}: the deployer needs a role on the site, such as Website Contributor.`
        : `the SCM site refuses this machine's address, ${address}: add it to RESTRICTED_DEPLOYER_ADDRESS_RANGES, or run npm run ` +
            `scm-access -- open.`,
    );
  }
  if (response.status === 404) throw new Error("the SCM site has no deployment yet");
  if (!response.ok) throw new Error(`the SCM site returned ${response.status}`);
  return JSON.parse(text) as DeployResult;
}

function withDefaults(options: Options): Required<Options> {
  return { origin: (host) => `https://${host}`, pauseMs: 5_000, attempts: 36, log: console.log, ...options };
}

/** Retries, and logs each new reason once. */
async function repeat(site: Site, options: Options, attempt: () => Promise<void>): Promise<void> {
  const { attempts, pauseMs, log } = withDefaults(options);
  let logged = "";
  const onRetry = (error: unknown): void => {
    const reason = reasonOf(error);
    if (reason !== logged) log(`${site.name}: ${reason}; retrying for up to ${(attempts * pauseMs) / 1000} s`);
    logged = reason;
  };
  try {
    await retry(attempt, { pauseMs, attempts, onRetry });
  } catch (error) {
    throw new Error(`${site.name}: ${reasonOf(error)}`, { cause: error });
  }
}
