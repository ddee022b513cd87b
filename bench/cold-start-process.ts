/**
 * One process start, as the Functions worker does it: requires an app, which registers its functions, and then has one
 * called. It says how long that took in one line of JSON. What it is to do stands in the variable COLD_START.
 */
import { randomUUID } from "node:crypto";
import { createRequire, enableCompileCache, flushCompileCache } from "node:module";
import { setTimeout as delay } from "node:timers/promises";
import type { RpcHttpData, RpcInvocationRequest } from "../local/host/worker/protocol.ts";
import { app, provideCoreModule } from "../local/host/worker/core-api.ts";
import { invoke } from "../local/host/worker/invocation.ts";

export interface StartOptions {
  /** The app; without one, the process is an empty one. */
  readonly file?: string;
  /** The folder of V8's compile cache, where one is used. */
  readonly cache?: string;
  /** A request as the host hands it to its worker. */
  readonly call?: { readonly functionId: string; readonly http: RpcHttpData };
  /** How long the call comes after the start, in milliseconds. */
  readonly waitMs?: number;
}

/** Times in milliseconds. */
export interface StartTimes {
  readonly functions: number;
  /** From the start of the process to the functions registered, and the processor's part of it. */
  readonly registered: number;
  readonly registeredCpu: number;
  /** From the start of the process to the answer, without the wait, and the answer's status. */
  readonly answered?: number;
  readonly answeredCpu?: number;
  /** From the call to the answer. */
  readonly took?: number;
  readonly tookCpu?: number;
  readonly status?: string;
}

const { file, cache, call, waitMs = 0 } = JSON.parse(process.env["COLD_START"] ?? "{}") as StartOptions;
if (cache !== undefined) enableCompileCache(cache);
provideCoreModule(() => undefined);
if (file !== undefined) createRequire(file)(file);
app.loaded = true;
const registered = performance.now();
const times = { functions: app.functions.size, registered, registeredCpu: processorTime() };

void answer().then((answered) => {
  if (cache !== undefined) flushCompileCache();
  process.stdout.write(JSON.stringify({ ...times, ...answered }), () => process.exit(0));
});

async function answer(): Promise<Partial<StartTimes>> {
  if (call === undefined) return {};
  if (waitMs > 0) await delay(waitMs);
  const [began, beganCpu] = [performance.now(), processorTime()];
  const response = await invoke(toInvocation(call), () => undefined);
  const took = performance.now() - began;
  const answeredCpu = processorTime();
  return {
    ...{ answered: registered + took, answeredCpu, took, tookCpu: answeredCpu - beganCpu },
    status: response.returnValue?.http?.statusCode ?? JSON.stringify(response.result),
  };
}

function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function toInvocation({ functionId, http }: NonNullable<StartOptions["call"]>): RpcInvocationRequest {
  const bindings = Object.entries(app.functions.get(functionId)?.metadata.bindings ?? {});
  const [trigger = ""] = bindings.find(([, { type }]) => type === "httpTrigger") ?? [];
  return {
    invocationId: randomUUID(),
    functionId,
    inputData: [{ name: trigger, data: { http } }],
    triggerMetadata: {},
    traceContext: { traceParent: "", traceState: "", attributes: {} },
  };
}
