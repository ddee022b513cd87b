/**
 * One start of an app, as in the Functions worker: requires the app, which registers its functions, and then calls one of
 * them. Prints the durations in one line of JSON. The environment variable COLD_START has the options.
 */
import { randomUUID } from "node:crypto";
import { createRequire, enableCompileCache, flushCompileCache } from "node:module";
import { setTimeout as delay } from "node:timers/promises";
import type { RpcInvocationRequest } from "../local/host/worker/protocol.ts";
import { app, provideCoreModule } from "../local/host/worker/core-api.ts";
import { invoke } from "../local/host/worker/invocation.ts";

export interface StartOptions {
  /** The app's file. */
  readonly file: string;
  /** The folder of V8's compile cache. Without it, there is no cache. */
  readonly cache?: string;
  /** A request to one of the app's functions. */
  readonly call: {
    readonly method: string;
    /** As the contract has it: with the prefix of host.json. */
    readonly route: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  /** The time between start and call. */
  readonly waitMs?: number;
}

/** Times in milliseconds, and processor times. */
export interface StartTimes {
  readonly functions: number;
  /** From the beginning of the load until the functions are registered. */
  readonly registered: number;
  readonly registeredCpu: number;
  /** From the beginning of the load to the response, without the wait. */
  readonly answered: number;
  readonly answeredCpu: number;
  /** From the call to the response. */
  readonly took: number;
  readonly tookCpu: number;
  readonly status: string;
}

const { file, cache, call, waitMs = 0 } = JSON.parse(process.env["COLD_START"] ?? "{}") as StartOptions;
// The worker's gRPC client has loaded this module, and with it `node:http`, before the worker loads the app.
process.getBuiltinModule("node:http2");
provideCoreModule(() => undefined);
const [began, beganCpu] = [performance.now(), processorTime()];
if (cache !== undefined) enableCompileCache(cache);
createRequire(file)(file);
app.loaded = true;
const [registered, registeredCpu] = [performance.now() - began, processorTime() - beganCpu];

void answer().then((times) => {
  if (cache !== undefined) flushCompileCache();
  process.stdout.write(JSON.stringify(times), () => process.exit(0));
});

async function answer(): Promise<StartTimes> {
  if (waitMs > 0) await delay(waitMs);
  const invocation = toInvocation(call);
  const [called, calledCpu] = [performance.now(), processorTime()];
  const response = await invoke(invocation, () => undefined);
  const [took, answeredCpu] = [performance.now() - called, processorTime()];
  return {
    ...{ functions: app.functions.size, registered, registeredCpu },
    ...{ answered: registered + took, answeredCpu: answeredCpu - beganCpu, took, tookCpu: answeredCpu - calledCpu },
    status: response.returnValue?.http?.statusCode ?? JSON.stringify(response.result),
  };
}

function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** As the host sends it to its worker. */
function toInvocation({ method, route, path, headers, body }: StartOptions["call"]): RpcInvocationRequest {
  const triggers = [...app.functions].flatMap(([functionId, { metadata }]) =>
    Object.entries(metadata.bindings).map(([name, binding]) => ({
      functionId,
      name,
      binding,
      function: metadata.name,
    })),
  );
  const found = triggers.find(
    ({ binding, ...one }) =>
      binding.type === "httpTrigger" &&
      (binding["methods"] as readonly string[]).includes(method) &&
      anonymous(routeOf(binding["route"], one.function)) === anonymous(route),
  );
  if (found === undefined) throw new Error(`The app has no function for ${method} ${route}.`);
  const parts = path.split("?")[0]?.split("/") ?? [];
  const params = routeOf(found.binding["route"], found.function)
    .split("/")
    .flatMap((part, i) => (part.startsWith("{") ? [[part.slice(1, -1), { value: parts[i] ?? "" }] as const] : []));
  const http = {
    ...{ method, url: `http://127.0.0.1${path}` },
    nullableHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, { value }])),
    nullableParams: Object.fromEntries(params),
    ...(body !== undefined && { body: { string: body } }),
  };
  return {
    invocationId: randomUUID(),
    functionId: found.functionId,
    inputData: [{ name: found.name, data: { http } }],
    triggerMetadata: {},
    traceContext: { traceParent: "", traceState: "", attributes: {} },
  };
}

function routeOf(route: unknown, name: string): string {
  return `/api/${typeof route === "string" ? route : name}`;
}

/** Two routes are the same whatever their parameters are called. */
function anonymous(route: string): string {
  return route.replace(/\{[^}]*\}/g, "{}").toLowerCase();
}
