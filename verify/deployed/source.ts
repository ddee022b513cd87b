import { setTimeout as wait } from "node:timers/promises";
import { DefaultAzureCredential, type TokenCredential } from "@azure/identity";
import { publicCloud } from "../../infra/public-cloud.ts";
import { callersOf } from "../model/callers.ts";
import { operations as calleeOperations } from "../model/operations.ts";
import { originsOf } from "../model/origins.ts";
import { matcherOf, nothingMatches } from "../model/filter.ts";
import type { Progress } from "../progress.ts";
import { provenance } from "../model/provenance.ts";
import { type CallerKind, type Cell, type Check, type Report, REPORT_SCHEMA } from "../model/report.ts";
import { verdictOf } from "../model/status.ts";
import { assignmentChecks } from "./checks/assignments.ts";
import { codeChecks } from "./checks/code.ts";
import { directoryChecks } from "./checks/directory.ts";
import { networkChecks } from "./checks/network.ts";
import { restrictionChecks } from "./checks/restrictions.ts";
import { siteChecks } from "./checks/sites.ts";
import { storageChecks } from "./checks/storage.ts";
import { templateChecks } from "./checks/template.ts";
import { azureApi, type AzureApiOptions, failureOf } from "./azure/api.ts";
import { elsewhereCells } from "./calls/elsewhere.ts";
import { findHere } from "./calls/here.ts";
import { allOperations } from "./calls/operations.ts";
import { keyHolder, orderCells, type OrderPatience } from "./calls/order.ts";
import { refusalCells, strangers, type Surroundings } from "./calls/refusals.ts";
import { azdValues, CannotStart, type EnvironmentValues, readDeployment } from "./environment.ts";
import { once } from "./azure/reading.ts";
import { policy, type Scene, sceneOf } from "./view.ts";

export { CannotStart } from "./environment.ts";

export interface DeployedVerification {
  /** A filter of the ids of cells and checks, see `matcherOf`; null for all of them. */
  readonly only: string | null;
  readonly progress: Progress;
  /** The azd environment's values; by default, azd is asked. */
  readonly environment?: EnvironmentValues;
  /** Who looks: by default, whom this machine is signed in as. */
  readonly credential?: TokenCredential;
  /** Where it looks: by default, the public cloud. */
  readonly endpoints?: Partial<DeploymentEndpoints>;
  /** Milliseconds that a request may take, and that an order may be pending. */
  readonly patience?: { readonly request: number; readonly order: OrderPatience };
  /** Waits for so many milliseconds, before Azure is asked again. */
  readonly wait?: (milliseconds: number) => Promise<void>;
  /** Ends the verification early. */
  readonly signal?: AbortSignal;
}

/** Origins, without a trailing slash. */
export interface DeploymentEndpoints {
  readonly resourceManager: string;
  readonly graph: string;
  readonly authority: string;
  /** The SCM site of the site at an origin. */
  readonly scmUrl: (url: string) => string;
}

const azure: DeploymentEndpoints = {
  ...publicCloud,
  // https://learn.microsoft.com/azure/app-service/resources-kudu
  scmUrl: (url) => url.replace(".", ".scm."),
};

/** The caller's timer delivers a pending order at the next full minute, if the callee answers. */
const usualPatience = { request: 30_000, order: { inAll: 150_000, betweenLooks: 5_000 } };

/**
 * Looks at a deployment: compares its configuration with the evaluated template, and makes the calls that can be made from
 * this machine. It reads, and places one order; nothing else is changed.
 *
 * @throws CannotStart where there is no deployment to look at, nobody is signed in, or the filter matches nothing; Error at
 *   the signal
 */
export async function verifyDeployment(options: DeployedVerification): Promise<Report> {
  const { only, progress, signal } = options;
  const startedAt = new Date();
  const deployment = readDeployment(options.environment ?? (await azdValues()));
  const endpoints = { ...azure, ...options.endpoints };
  const patience = options.patience ?? usualPatience;
  const credential = options.credential ?? new DefaultAzureCredential();

  const common = { credential, tenantId: deployment.tenantId, patience: patience.request, wait: options.wait ?? wait };
  const arm = { ...common, name: "Azure Resource Manager", missingMayAppear: false, ...api(endpoints.resourceManager) };
  // https://devblogs.microsoft.com/identity/designing-for-eventual-consistency-for-microsoft-entra/
  const graph = { ...common, name: "Microsoft Graph", missingMayAppear: true, ...api(endpoints.graph) };
  await requireSignedIn(arm);
  const scene = sceneOf(
    deployment,
    { arm: azureApi(arm), graph: azureApi(graph) },
    { authorityHost: endpoints.authority, graphEndpoint: endpoints.graph },
  );
  const here = once(() => findHere(scene, endpoints.scmUrl, patience.request));
  const calls: Surroundings = { scene, credential, here, scmUrl: endpoints.scmUrl, patience: patience.request };

  const isAskedFor = matcherOf(only);
  const plannedChecks = allChecks(scene).filter(({ id }) => isAskedFor(id));
  const plannedCells = [...refusalCells(calls), ...orderCells(calls, patience.order), ...elsewhereCells()].filter(
    ({ id }) => isAskedFor(id),
  );
  const steps = plannedChecks.length + plannedCells.length;
  if (steps === 0) throw new CannotStart(nothingMatches(only, "restrictions/callee-func"));

  progress.total(steps);
  const checks: Check[] = [];
  for (const planned of plannedChecks) {
    signal?.throwIfAborted();
    checks.push(await planned.check());
    progress.step(planned.id);
  }
  const cells: Cell[] = [];
  for (const planned of plannedCells) {
    signal?.throwIfAborted();
    cells.push(await planned.call());
    progress.step(planned.id);
  }
  progress.end();

  const address = plannedCells.length > 0 ? (await here()).address : null;
  const { environment, subscriptionId, resourceGroup, tenantId } = deployment;
  const parts = { cells, checks, only };
  return {
    $schema: REPORT_SCHEMA,
    formatVersion: 1,
    target: { kind: "deployment", environment, subscriptionId, resourceGroup, tenantId },
    startedAt: startedAt.toISOString(),
    durationSeconds: (Date.now() - startedAt.getTime()) / 1000,
    ...(await provenance()),
    policy,
    origins: [
      { id: "here", title: `this machine, ${address ?? "its public address not known"}` },
      ...originsOf(policy, "callee-func")
        .filter(({ subnetOf }) => subnetOf !== null)
        .map(({ id, title }) => ({ id, title })),
    ],
    callers: callerKinds(),
    operations: allOperations(),
    ...parts,
    verdict: verdictOf(parts),
  };
}

function allChecks(scene: Scene): ReturnType<typeof siteChecks> {
  const areas = [
    restrictionChecks,
    siteChecks,
    codeChecks,
    networkChecks,
    storageChecks,
    directoryChecks,
    assignmentChecks,
  ];
  return [
    ...areas.flatMap((area) => scene.services.flatMap((service) => area(scene, service))),
    ...templateChecks(scene),
  ];
}

function callerKinds(): CallerKind[] {
  const [service = "callee-func"] = calleeOperations.map((operation) => operation.service);
  const services = callersOf(policy, service)
    .filter(({ id }) => id === "master-key" || id in policy.services)
    .map(({ id, title, description }) => ({ id, title, description }));
  return [...strangers, keyHolder, ...services];
}

function api(endpoint: string): Pick<AzureApiOptions, "endpoint" | "scope"> {
  return { endpoint, scope: `${endpoint}/.default` };
}

async function requireSignedIn({ credential, scope, tenantId }: AzureApiOptions): Promise<void> {
  const token = await credential.getToken(scope, { tenantId }).catch((error: unknown) => {
    throw new CannotStart(
      `Nobody is signed in to tenant ${tenantId} (${failureOf(error)}): az login --tenant ${tenantId}`,
    );
  });
  if (token === null) throw new CannotStart(`Nobody is signed in: az login --tenant ${tenantId}`);
}
