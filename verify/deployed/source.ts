/** A deployment as a source: plans the checks of its configuration, and the calls that this machine can make. */
import { apiNames } from "@restricted-calls/shared/access-policy";
import { setTimeout as wait } from "node:timers/promises";
import { DefaultAzureCredential, type TokenCredential } from "@azure/identity";
import { publicCloud } from "../../infra/public-cloud.ts";
import { callerKindsOf } from "../model/callers.ts";
import { allOriginsOf } from "../model/origins.ts";
import { isOfPolicy, policy } from "../model/policy.ts";
import type { PlannedCheck, Source } from "../model/plan.ts";
import type { CallerKind } from "../model/report.ts";
import { azureApi, type AzureApiOptions, failureOf } from "./azure/api.ts";
import { once } from "./azure/reading.ts";
import { type CallContext, findHere } from "./calls/context.ts";
import { allOperations, callsFromSubnets } from "./calls/operations.ts";
import { keyHolder, positiveCalls, type WorkTimeout } from "./calls/positive.ts";
import { refusalCalls, strangers } from "./calls/refusals.ts";
import { assignmentChecks } from "./checks/assignments.ts";
import { codeChecks } from "./checks/code.ts";
import { directoryChecks } from "./checks/directory.ts";
import { externalCallerChecks } from "./checks/external-callers.ts";
import { grantChecks } from "./checks/grants.ts";
import { networkChecks } from "./checks/network.ts";
import { probeChecks } from "./checks/probe.ts";
import { restrictionChecks } from "./checks/restrictions.ts";
import { siteChecks } from "./checks/sites.ts";
import { storageChecks } from "./checks/storage.ts";
import { templateChecks } from "./checks/template.ts";
import { azdValues, CannotStartError, type EnvironmentValues, readDeployment } from "./environment.ts";
import { probeIdentity } from "./probe/calls.ts";
import { probeOf, type ProbeOptions } from "./probe/probe.ts";
import { readOnlyCalls } from "./read-only.ts";
import { type DeploymentView, viewOf } from "./view.ts";

export interface DeploymentOptions {
  /** The azd environment's values. By default, azd is asked. */
  readonly environment?: EnvironmentValues;
  /** By default, the signed-in account of this machine. */
  readonly credential?: TokenCredential;
  /** Whether to send nothing that writes, returns secrets or needs a key: `--read-only`. False if not given. */
  readonly readOnly?: boolean;
  /** By default, those of the public cloud. */
  readonly endpoints?: Partial<DeploymentEndpoints>;
  readonly timeouts?: { readonly requestMs: number; readonly work: WorkTimeout };
  /** Also makes the calls from another subnet, by a probe in the virtual network. */
  readonly probe?: ProbeOptions | undefined;
  /** Waits before a retry. */
  readonly wait?: (milliseconds: number) => Promise<void>;
}

/** Origins, without a trailing slash. */
export interface DeploymentEndpoints {
  readonly resourceManager: string;
  readonly graph: string;
  readonly authority: string;
  /** The SCM site of the site at an origin. */
  readonly scmUrl: (url: string) => string;
}

const AZURE: DeploymentEndpoints = {
  ...publicCloud,
  // https://learn.microsoft.com/azure/app-service/resources-kudu
  scmUrl: (url) => url.replace(".", ".scm."),
};

/** Work that is pending at first, such as a call that a timer repeats, is done by the second full minute. */
const TIMEOUTS = { requestMs: 30_000, work: { totalMs: 150_000, pollMs: 5_000 } };

/** @throws CannotStartError without a deployment or a signed-in account */
export async function deploymentSource(options: DeploymentOptions): Promise<Source> {
  const deployment = readDeployment(options.environment ?? (await azdValues()));
  const { resourceManager, graph, authority, scmUrl } = { ...AZURE, ...options.endpoints };
  const { requestMs: timeoutMs, work } = options.timeouts ?? TIMEOUTS;
  const { readOnly = false, credential = new DefaultAzureCredential() } = options;

  const common = { credential, tenantId: deployment.tenantId, timeoutMs, wait: options.wait ?? wait, readOnly };
  const armOptions = {
    ...common,
    name: "Azure Resource Manager",
    missingMayAppear: false,
    endpoint: resourceManager,
    scope: `${resourceManager}/.default`,
  };
  // https://devblogs.microsoft.com/identity/designing-for-eventual-consistency-for-microsoft-entra/
  const graphOptions = {
    ...common,
    name: "Microsoft Graph",
    missingMayAppear: true,
    endpoint: graph,
    scope: `${graph}/.default`,
  };
  await requireSignedIn(armOptions);
  const view = viewOf(
    deployment,
    { arm: azureApi(armOptions), graph: azureApi(graphOptions) },
    { authorityHost: authority, graphEndpoint: graph },
  );
  const here = once(() => findHere(view.services, { scmUrl, timeoutMs }));
  const context: CallContext = { view, credential, here, scmUrl, timeoutMs };
  const probe = options.probe === undefined ? undefined : probeOf(context, armOptions, options.probe);

  const calls = [
    ...refusalCalls(context),
    ...positiveCalls(context, work),
    ...callsFromSubnets(probe?.calls),
    ...(probe?.calls ?? []),
  ];
  const { environment, subscriptionId, resourceGroup, tenantId } = deployment;
  return {
    calls: readOnly ? readOnlyCalls(calls, allOperations(), [keyHolder.id, "master-key"]) : calls,
    checks: [...allChecks(view), ...(probe?.checks ?? [])],
    concurrency: 1,
    // Before the checks, one of which finds a probe that was left behind.
    start: async (wanted) => {
      const ids = new Set(probe?.calls.map(({ id }) => id));
      if (wanted.some(({ id }) => ids.has(id))) await probe?.run();
    },
    async describe(cells) {
      const address = cells.length > 0 ? (await here()).address : null;
      return {
        target: {
          ...{ kind: "deployment", environment, subscriptionId, resourceGroup, tenantId },
          ...(readOnly && { readOnly }),
        },
        policy,
        origins: [
          { id: "here", title: `this machine, ${address ?? "its public address not known"}` },
          ...allOriginsOf(policy, apiNames(policy)).filter(({ id }) => id !== "internet"),
        ],
        callers: [...callerKinds(), ...(probe === undefined ? [] : [probeIdentity])],
        operations: allOperations(),
      };
    },
    stop: () => Promise.resolve(),
  };
}

function allChecks(view: DeploymentView): PlannedCheck[] {
  const ofServices = [
    restrictionChecks,
    siteChecks,
    codeChecks,
    networkChecks,
    storageChecks,
    directoryChecks,
    assignmentChecks,
  ];
  return [
    ...ofServices.flatMap((checks) => view.services.flatMap((service) => checks(view, service))),
    ...view.externalCallers.flatMap((caller) => externalCallerChecks(view, caller)),
    ...templateChecks(view),
    ...grantChecks(new Date()),
    ...probeChecks(view),
  ];
}

function callerKinds(): CallerKind[] {
  const services = callerKindsOf(policy, apiNames(policy)).filter(({ id }) => id === "master-key" || isOfPolicy(id));
  return [...strangers, keyHolder, ...services];
}

async function requireSignedIn({ credential, scope, tenantId }: AzureApiOptions): Promise<void> {
  const token = await credential.getToken(scope, { tenantId }).catch((error: unknown) => {
    throw new CannotStartError(
      `Nobody is signed in to tenant ${tenantId} (${failureOf(error)}): az login --tenant ${tenantId}`,
    );
  });
  if (token === null) throw new CannotStartError(`Nobody is signed in: az login --tenant ${tenantId}`);
}
