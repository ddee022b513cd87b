/** The life of the probe: creates its resources, waits for its log, and removes them, whatever happens. */
import * as v from "valibot";
import { reasonOf } from "../../../tools/command-line.ts";
import type { AzureApiOptions } from "../azure/api.ts";
import { isComplete } from "./log.ts";
import { type Pause, pauses, type ResourceManager, ResourceManagerError } from "./resource-manager.ts";
import type { ProbeResource } from "./template.ts";

export interface LifecycleOptions {
  readonly note: (line: string) => void;
  readonly wait: AzureApiOptions["wait"];
  /** Ends the probe early. Everything is removed. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds of waits. A container group in a virtual network takes some minutes to start. */
const CREATION_MS = 15 * 60_000;
const RUN_MS = 10 * 60_000;
const REMOVAL_MS = 20 * 60_000;
const POLL_MS = 10_000;
/** Of a container that has ended: the log may come later. */
const MAX_LOG_READS = 6;

/**
 * @param resources in the order of creation. The last one is the container group
 * @param run the id of this run
 * @returns the log of the container
 * @throws Error if a resource cannot be created, there is no log in time, or at the signal; after the removal
 */
export async function logOfProbe(
  arm: ResourceManager,
  resources: readonly ProbeResource[],
  run: string,
  { note, wait, signal }: LifecycleOptions,
): Promise<string> {
  const created: ProbeResource[] = [];
  const sayWhatIsLeft = (): void => {
    if (created.length > 0) note(whatIsLeft(created));
  };
  // A second Ctrl-C, and the end of the reader of the output, end the process at once.
  process.once("exit", sayWhatIsLeft);
  try {
    const pause = pauses(CREATION_MS, wait, signal);
    for (const resource of resources) {
      signal?.throwIfAborted();
      note(`Creating ${resource.title} ...`);
      // From here on it may be there, also if the response is lost.
      created.push(resource);
      await arm.create(pathOf(resource), resource.body, pause);
    }
    note("Waiting for the calls of the probe ...");
    return await readLog(arm, resources.at(-1), run, pauses(RUN_MS, wait, signal));
  } finally {
    const group = resources.at(-1);
    await remove(arm, created, { note, pause: pauses(REMOVAL_MS, wait), run, group });
    process.off("exit", sayWhatIsLeft);
    sayWhatIsLeft();
  }
}

/** The path of a request, with the API version of the template. */
export function pathOf({ id, apiVersion }: ProbeResource): string {
  return `${id}?api-version=${apiVersion}`;
}

/** Commands that remove the resources, each after those that use it. */
export function removalCommands(created: readonly Pick<ProbeResource, "id">[]): string {
  return created
    .toReversed()
    .map(({ id }) => `az resource delete --ids ${id}`)
    .join("\n");
}

/**
 * In reverse order. Takes from the list what is removed, and what belongs to another run. One that cannot be removed does not keep
 * the others.
 */
async function remove(
  arm: ResourceManager,
  created: ProbeResource[],
  { note, pause, run, group }: Removal,
): Promise<void> {
  if (created.length > 0) note("Removing the probe. A second Ctrl-C ends this, and leaves it there.");
  for (const resource of created.toReversed()) {
    note(`Removing ${resource.title} ...`);
    try {
      // A subnet has no tags: it belongs to the run of the container group.
      const tagged = v.is(withTag, resource.body) ? resource : (group ?? resource);
      const there = await arm.read(pathOf(tagged), v.looseObject({}), pause);
      if (v.is(withTag, there) && there.tags[TAG] !== run) note("It belongs to another verification, and stays.");
      else await arm.remove(pathOf(resource), pause);
      created.splice(created.indexOf(resource), 1);
    } catch (error) {
      note(`Not removed: ${reasonOf(error)}`);
    }
  }
}

interface Removal {
  readonly note: (line: string) => void;
  readonly pause: Pause;
  readonly run: string;
  readonly group: ProbeResource | undefined;
}

/** The tag of infra/probe.bicep: the id of the run. */
const TAG = "restricted-calls-probe";
const withTag = v.object({ tags: v.object({ [TAG]: v.string() }) });

function whatIsLeft(created: readonly ProbeResource[]): string {
  return `The probe is still there, and costs money. Remove it:\n${removalCommands(created)}`;
}

const group = v.object({
  properties: v.object({
    instanceView: v.nullish(v.object({ state: v.nullish(v.string()) })),
    containers: v.array(
      v.object({
        name: v.string(),
        properties: v.object({
          instanceView: v.nullish(v.object({ currentState: v.nullish(v.object({ state: v.nullish(v.string()) })) })),
        }),
      }),
    ),
  }),
});

const logs = v.object({ content: v.nullish(v.string()) });

/**
 * Waits until the container has ended and its log is complete.
 *
 * @see https://learn.microsoft.com/azure/container-instances/container-instances-restart-policy
 * @see https://learn.microsoft.com/rest/api/container-instances/containers/list-logs
 */
async function readLog(
  arm: ResourceManager,
  resource: ProbeResource | undefined,
  run: string,
  pause: Pause,
): Promise<string> {
  if (resource === undefined) throw new ResourceManagerError("The probe has no container.", "final");
  for (let reads = 0; ;) {
    const found = await arm.read(pathOf(resource), group, pause);
    const [container] = found?.properties.containers ?? [];
    if (container === undefined) throw new ResourceManagerError("The container of the probe is gone.", "final");
    if (container.properties.instanceView?.currentState?.state === "Terminated") {
      const path = `${resource.id}/containers/${container.name}/logs?api-version=${resource.apiVersion}`;
      const log = (await arm.read(path, logs, pause))?.content ?? "";
      if (isComplete(log, run)) return log;
      if (++reads === MAX_LOG_READS) throw new ResourceManagerError("The log of the probe is not complete.", "final");
    }
    if (!(await pause(POLL_MS))) {
      const { state } = found?.properties.instanceView ?? {};
      throw new ResourceManagerError(`The container did not end in time. Its state: ${state ?? "unknown"}.`, "final");
    }
  }
}
