import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { reasonOf } from "../../tools/command-line.ts";
import { writeFileSync } from "../../tools/write-file.ts";
import { readForbiddenAddress } from "../../tools/address-ranges.ts";
import {
  type Deployment,
  FinalError,
  type Site,
  syncFunctionTriggers,
  syncFunctionTriggersUrl,
} from "../scm-access/resource-manager.ts";

/** The newest deployment as an SCM site tells of it: Kudu.Contracts/Deployment/DeployResult.cs. */
interface DeployResult {
  readonly id: string;
  readonly status: number;
  readonly status_text: string;
  readonly received_time: string;
}

/** Kudu.Contracts/Deployment/DeployStatus.cs, in KuduLite (Linux) the same. `complete` is true for the last two. */
const STATUS = ["Pending", "Building", "Deploying", "Failed", "Success"];
const FAILED = 3;
const SUCCESS = 4;

const startFile = join(import.meta.dirname, "..", "..", ".local", "azd", "deployment-start");

export interface Options {
  /** The origin at which an SCM site is called. */
  readonly origin?: (scmHost: string) => string;
  /** Milliseconds between two attempts. */
  readonly pauseMs?: number;
  /** How often each step is tried before it counts as failed. */
  readonly attempts?: number;
  readonly log?: (line: string) => void;
}

/** Records that a deployment begins now. */
export function noteStart(): void {
  mkdirSync(dirname(startFile), { recursive: true });
  writeFileSync(startFile, new Date().toISOString());
}

/**
 * When the last deployment from here began.
 *
 * @throws Error where none was recorded
 */
export function readStart(): Date {
  try {
    return new Date(readFileSync(startFile, "utf8"));
  } catch (error) {
    throw new Error("No deployment was begun here: azd deploy runs this by itself (azure.yaml).", { cause: error });
  }
}

/**
 * Requires that a site has the code of this run: its newest deployment succeeded, and began after the run did. azd
 * 1.31.2 exits with 0 when Kudu says `complete`, also for a failed deployment (cli/azd/pkg/azsdk/zip_deploy_client.go).
 *
 * @param start when this run began, by this machine's clock. Only durations are compared, so the clocks need not agree
 * @throws Error with what the site answers and what to do
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
        `the deployment ${result.id} failed: ${result.status_text || "no reason given"}. The site goes on with the code ` +
          `that it had, or with a part of the new one. Its log: az functionapp log deployment show --resource-group ` +
          `${resourceGroup} --name ${site.name}. Then azd deploy again.`,
      );
    }
    if (result.status !== SUCCESS) throw new Error(`the deployment is ${STATUS[result.status] ?? result.status}`);
    const now = Date.parse(response.headers.get("date") ?? new Date().toUTCString());
    const age = now - Date.parse(result.received_time);
    // The header has no fractions of a second.
    if (!(age <= Date.now() - start.getTime() + 1000)) {
      throw new Error(`the newest deployment is of ${result.received_time}, from before this run`);
    }
    log(`${site.name}: deployed (${result.id}, received ${result.received_time})`);
  });
}

/**
 * Tells the platform which triggers the code has. It scales by them, and azd does not tell it on these plans.
 *
 * Just after a deployment the host starts, and Resource Manager answers 400 or 503 for it
 * (https://github.com/Azure/azure-functions-core-tools/issues/1457): it is asked again.
 *
 * @see https://learn.microsoft.com/azure/azure-functions/functions-deployment-technologies#trigger-syncing
 * @throws Error with what Resource Manager answers and what to do
 */
export async function synchroniseTriggers(deployment: Deployment, site: Site, options: Options = {}): Promise<void> {
  const { log } = withDefaults(options);
  try {
    await repeat(site, options, () => syncFunctionTriggers(deployment, site));
  } catch (error) {
    const url = syncFunctionTriggersUrl(deployment, site);
    throw new Error(
      `${reasonOf(error)}\nThe code is deployed, but the platform may not know its triggers. Once the app runs: ` +
        `az rest --method POST --url "${url}"`,
      { cause: error },
    );
  }
  log(`${site.name}: triggers synchronised`);
}

/** @throws Error where there is no result to read; FinalError where there will be none */
async function readResult(response: Response): Promise<DeployResult> {
  const text = await response.text();
  if (response.status === 401 || response.status === 403) {
    const address = readForbiddenAddress(response.headers.get("x-ms-forbidden-ip"));
    throw new FinalError(
      address === undefined
        ? `the SCM site answers ${response.status}: whoever deploys needs a role on the site, such as Website Contributor.`
        : `the SCM site refuses this machine's address, ${address}: put it into RESTRICTED_DEPLOYER_ADDRESS_RANGES, or run npm run ` +
            `scm-access -- open.`,
    );
  }
  if (response.status === 404) throw new Error("the SCM site knows no deployment");
  if (!response.ok) throw new Error(`the SCM site answers ${response.status}`);
  return JSON.parse(text) as DeployResult;
}

function withDefaults(options: Options): Required<Options> {
  return { origin: (host) => `https://${host}`, pauseMs: 5_000, attempts: 36, log: console.log, ...options };
}

/** Tries until it succeeds, and says why it waits: each reason once. */
async function repeat(site: Site, options: Options, attempt: () => Promise<void>): Promise<void> {
  const { attempts, pauseMs, log } = withDefaults(options);
  let said = "";
  for (let tried = 1; ; tried++) {
    try {
      await attempt();
      return;
    } catch (error) {
      const reason = reasonOf(error);
      if (error instanceof FinalError || tried >= attempts)
        throw new Error(`${site.name}: ${reason}`, { cause: error });
      if (reason !== said) log(`${site.name}: ${reason}; looking again for up to ${(attempts * pauseMs) / 1000} s`);
      said = reason;
      await delay(pauseMs);
    }
  }
}
