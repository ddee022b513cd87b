/** `--probe`: the calls from another subnet of the deployment's virtual network, by a container that is there for minutes. */
import { randomUUID } from "node:crypto";
import * as v from "valibot";
import { reasonOf } from "../../../tools/command-line.ts";
import type { PlannedCall, PlannedCheck } from "../../model/plan.ts";
import type { AzureApiOptions } from "../azure/api.ts";
import { found, unreadable } from "../azure/reading.ts";
import type { CallContext } from "../calls/context.ts";
import { plannedCheck } from "../check.ts";
import { CannotStartError } from "../environment.ts";
import type { DeploymentView } from "../view.ts";
import { plannedCalls, probeCallsOf, requestsOf, type Results, scriptOf } from "./calls.ts";
import { freeRange } from "./free-range.ts";
import { logOfProbe, pathOf, removalCommands } from "./lifecycle.ts";
import { readLog } from "./log.ts";
import { pauses, type ResourceManager, resourceManager } from "./resource-manager.ts";
import { type ProbeResource, probeResources } from "./template.ts";

export interface ProbeOptions {
  /** Shows what the probe creates and what it costs, and asks whether it may. */
  readonly confirm: (plan: string) => Promise<boolean>;
  readonly note: (line: string) => void;
  /** Ends the probe early. Everything is removed. */
  readonly signal?: AbortSignal | undefined;
}

export interface Probe {
  readonly calls: readonly PlannedCall[];
  readonly checks: readonly PlannedCheck[];
  /**
   * Creates the probe, reads its log and removes it.
   *
   * @throws CannotStartError before anything is created; the signal's reason after everything is removed
   */
  run(): Promise<void>;
}

export function probeOf(context: CallContext, armOptions: AzureApiOptions, options: ProbeOptions): Probe {
  const { view } = context;
  const arm = resourceManager(armOptions);
  const calls = probeCallsOf(context);
  const requests = requestsOf(calls);
  let results: Results = { kind: "not-run", reason: "--only leaves out every call of the probe." };
  return {
    calls: plannedCalls(calls, () => results),
    checks: [resultCheck(view, requests.length, () => results)],
    async run() {
      const place = await placeOf(arm, view, armOptions.wait);
      const run = randomUUID();
      const resources = probeResources(view.deployment, { ...place, run, calls: await scriptOf(view, requests) });
      if (!(await options.confirm(planOf(view, resources, place.addressPrefix)))) {
        throw new CannotStartError("The probe was not confirmed. Nothing was created.");
      }
      // Another verification may have started while this one asked.
      const now = await placeOf(arm, view, armOptions.wait);
      if (now.addressPrefix !== place.addressPrefix) {
        throw new CannotStartError(`${place.addressPrefix} is no longer free. Run it again. Nothing was created.`);
      }
      try {
        const log = await logOfProbe(arm, resources, run, { ...options, wait: armOptions.wait });
        results = { kind: "read", addressPrefix: place.addressPrefix, lines: readLog(log, run) };
      } catch (error) {
        options.signal?.throwIfAborted();
        results = { kind: "not-run", reason: `The probe failed: ${reasonOf(error)}` };
        options.note(results.reason);
      }
    },
  };
}

/** Milliseconds of waits before anything is created. */
const READING_MS = 60_000;

const network = v.object({
  location: v.string(),
  properties: v.object({
    addressSpace: v.object({ addressPrefixes: v.array(v.string()) }),
    subnets: v.nullish(
      v.array(
        v.object({
          properties: v.object({
            addressPrefix: v.nullish(v.string()),
            addressPrefixes: v.nullish(v.array(v.string())),
          }),
        }),
      ),
    ),
  }),
});

const provider = v.object({ registrationState: v.string() });

/** The same version as the Azure CLI uses. */
const PROVIDERS = "2021-04-01";

interface Place {
  readonly location: string;
  readonly addressPrefix: string;
}

/** @throws CannotStartError if the probe cannot be created: nothing is changed */
async function placeOf(arm: ResourceManager, view: DeploymentView, wait: AzureApiOptions["wait"]): Promise<Place> {
  const { subscriptionId } = view.deployment;
  const [subnetId] = view.services.flatMap((service) => (service.subnetIsForeign ? [] : [service.subnetId]));
  if (subnetId === undefined) {
    throw new CannotStartError(
      "--probe is not possible: every integration subnet is another team's, and the probe changes no network of theirs. " +
        "Leave out --probe. Nothing was created.",
    );
  }
  const pause = pauses(READING_MS, wait);
  const resources = probeResources(view.deployment);
  try {
    await requireProvider(arm, subscriptionId, pause);
    const networkId = subnetId.replace(/\/subnets\/[^/]+$/, "");
    const there = await arm.read(`${networkId}?api-version=${versionOfNetwork(resources)}`, network, pause);
    if (there === undefined) throw new Error(`${networkId} is missing: azd provision`);
    const left: ProbeResource[] = [];
    for (const resource of resources) {
      if ((await arm.read(pathOf(resource), v.looseObject({}), pause)) !== undefined) left.push(resource);
    }
    if (left.length > 0) {
      throw new Error(
        `A probe is there. Another verification is running, or one left it behind. Then remove it:\n${removalCommands(left)}\n`,
      );
    }
    const { addressSpace, subnets } = there.properties;
    const taken = (subnets ?? []).flatMap(({ properties }) => [
      ...(properties.addressPrefixes ?? []),
      ...(typeof properties.addressPrefix === "string" ? [properties.addressPrefix] : []),
    ]);
    const addressPrefix = freeRange(addressSpace.addressPrefixes, taken);
    if (addressPrefix !== undefined) return { location: there.location, addressPrefix };
    throw new Error(`${networkId} has no free /28 for the subnet of the probe. Add an address range to it.`);
  } catch (error) {
    throw new CannotStartError(`--probe is not possible: ${reasonOf(error)} Nothing was created.`, { cause: error });
  }
}

/** Only somebody with rights on the subscription can read it. Without them, the creation of the container says so. */
async function requireProvider(
  arm: ResourceManager,
  subscriptionId: string,
  pause: Parameters<ResourceManager["read"]>[2],
): Promise<void> {
  const path = `/subscriptions/${subscriptionId}/providers/Microsoft.ContainerInstance?api-version=${PROVIDERS}`;
  const { registrationState = "" } = (await arm.read(path, provider, pause).catch(() => undefined)) ?? {};
  if (!["NotRegistered", "Unregistered"].includes(registrationState)) return;
  throw new Error(
    "the subscription has not registered its resource provider: az provider register --namespace Microsoft.ContainerInstance --wait.",
  );
}

function versionOfNetwork(resources: readonly ProbeResource[]): string {
  return resources.find(({ id }) => id.includes("/subnets/"))?.apiVersion ?? "";
}

/** Microsoft publishes prices by region and agreement: https://learn.microsoft.com/azure/cost-management-billing */
function planOf({ deployment }: DeploymentView, resources: readonly ProbeResource[], addressPrefix: string): string {
  return [
    `The probe creates in ${deployment.resourceGroup}, and removes after its calls:`,
    ...resources.map(({ title }) => `  ${title}${title.startsWith("subnet ") ? `, ${addressPrefix}` : ""}`),
    "They exist for some minutes; if Azure is slow, for up to three quarters of an hour. Azure charges the container by the second, and the",
    "NAT gateway and its address by the hour. The prices of your region:",
    "  https://azure.microsoft.com/pricing/details/container-instances/",
    "  https://azure.microsoft.com/pricing/details/azure-nat-gateway/",
    "  https://azure.microsoft.com/pricing/details/ip-addresses/",
  ].join("\n");
}

function resultCheck({ deployment }: DeploymentView, all: number, results: () => Results): PlannedCheck {
  const inWords = (read: number): string => `${read} of ${all} requests have a result`;
  return plannedCheck({
    id: "probe/results",
    title: "The results of the probe",
    resource: `resource group ${deployment.resourceGroup}`,
    expected: inWords(all),
    why: "A call without a result shows nothing about the network.",
    read: () => {
      const now = results();
      if (now.kind === "not-run") return Promise.resolve(unreadable(now.reason));
      const read = [...now.lines].filter(([number, { kind }]) => number < all && kind !== "failed").length;
      if (read < all) return Promise.resolve(unreadable(`Only ${inWords(read)}. The notes of the calls say why.`));
      return Promise.resolve(found(inWords(read)));
    },
    found: (text) => text,
    fix: "",
  });
}
