/** Runs functions in the worker, and reports their begin and end. */
import { randomBytes, randomUUID } from "node:crypto";
import { poll } from "../../tools/poll.ts";
import { within } from "./within.ts";
import type { Log } from "./host-log.ts";
import type { FunctionDefinition } from "./function-definitions.ts";
import type {
  RpcException,
  RpcInvocationRequest,
  RpcInvocationResponse,
  RpcTraceContext,
  RpcTypedData,
} from "./worker/protocol.ts";
import type { WorkerProcess } from "./worker/worker-process.ts";

/** A call waits so long for a worker that restarts. */
const RESTART_LIMIT_MS = 30_000;

export const CALLED_BY_API = "This function was programmatically called via the host APIs.";

export interface Invocation {
  readonly definition: FunctionDefinition;
  readonly input: RpcTypedData;
  readonly reason: string;
  readonly traceContext?: RpcTraceContext;
}

/** Runs functions in the worker, within the app's `functionTimeout`. */
export class Invoker {
  readonly #worker: WorkerProcess;
  readonly #timeoutMs: number;
  readonly #log: Log;
  #inFlight = 0;

  /** @param timeoutMs Infinity for none */
  constructor(worker: WorkerProcess, timeoutMs: number, log: Log) {
    this.#worker = worker;
    this.#timeoutMs = timeoutMs;
    this.#log = log;
  }

  /** Runs a function. Never rejects: any error becomes a result with status "failure". */
  async run(invocation: Invocation): Promise<RpcInvocationResponse> {
    const { name, functionId, trigger } = invocation.definition;
    const invocationId = randomUUID();
    const category = `Function.${name}`;
    this.#log(
      "information",
      category,
      `Executing 'Functions.${name}' (Reason='${invocation.reason}', Id=${invocationId})`,
    );
    this.#inFlight += 1;
    const startedAt = performance.now();
    const response = await this.#invoke({
      invocationId,
      functionId,
      inputData: [{ name: trigger, data: invocation.input }],
      triggerMetadata: {},
      traceContext: invocation.traceContext ?? continueTrace(),
    });
    this.#inFlight -= 1;

    const failed = response.result.status === "failure";
    const duration = Math.round(performance.now() - startedAt);
    const end = `Executed 'Functions.${name}' (${failed ? "Failed" : "Succeeded"}, Id=${invocationId}, Duration=${duration}ms)`;
    this.#log(failed ? "error" : "information", category, failed ? `${end}\n${stack(response)}` : end);
    return response;
  }

  /** Resolves when no function runs any more, or after the limit. */
  async drained(limitMs: number): Promise<void> {
    const isDone = (running: number): boolean => running === 0;
    await poll(() => this.#inFlight, isDone, { timeoutMs: limitMs, pauseMs: 10 });
  }

  async #invoke(request: RpcInvocationRequest): Promise<RpcInvocationResponse> {
    try {
      await this.#worker.whenRunning(RESTART_LIMIT_MS);
      const response = await within(this.#timeoutMs, this.#worker.invoke(request));
      if (response !== undefined) return response;
      // As the real host does: only the end of its process stops code that does not return.
      this.#worker.kill();
      return failure(request, {
        message: `Timeout value of ${this.#timeoutMs / 1000} s exceeded: the worker is restarted`,
      });
    } catch (error) {
      return failure(request, { message: error instanceof Error ? error.message : String(error) });
    }
  }
}

function failure({ invocationId }: RpcInvocationRequest, exception: RpcException): RpcInvocationResponse {
  return { invocationId, result: { status: "failure", exception } };
}

function stack({ result }: RpcInvocationResponse): string {
  return result.exception?.stackTrace ?? result.exception?.message ?? "";
}

/** https://www.w3.org/TR/trace-context/#traceparent-header: ids of only zeros and version ff are invalid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:$|-)/;

/**
 * The trace context of an invocation: a new span in the caller's trace, or in a new trace where the caller sent none or a
 * malformed one.
 */
export function continueTrace(traceparent?: string, tracestate?: string): RpcTraceContext {
  const [, traceId, flags] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  const spanId = randomBytes(8).toString("hex");
  const traceParent = `00-${traceId ?? randomBytes(16).toString("hex")}-${spanId}-${flags ?? "00"}`;
  const continued = traceId !== undefined && tracestate !== undefined && tracestate !== "";
  return { traceParent, attributes: {}, ...(continued ? { traceState: tracestate } : {}) };
}
