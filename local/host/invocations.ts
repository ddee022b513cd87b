import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { within } from "./bounded.ts";
import type { Log } from "./host-log.ts";
import type { FunctionDefinition } from "./function-definitions.ts";
import type { RpcException, RpcInvocationRequest, RpcInvocationResponse, RpcTypedData } from "./worker/protocol.ts";
import type { RpcRetryContext, RpcTraceContext } from "./worker/protocol.ts";
import { continueTrace } from "./trace-context.ts";
import type { WorkerProcess } from "./worker/worker-process.ts";

/** How long a call waits for a worker that is being restarted. */
const RESTART_LIMIT = 30_000;

export const CALLED_BY_API = "This function was programmatically called via the host APIs.";

export interface Invocation {
  readonly definition: FunctionDefinition;
  readonly input: RpcTypedData;
  readonly reason: string;
  /** Attempts of one run share it. */
  readonly invocationId?: string;
  readonly traceContext?: RpcTraceContext;
  readonly retryContext?: RpcRetryContext;
}

/** Runs functions in the worker, within the app's `functionTimeout`, and reports their begin and end. */
export class Invoker {
  readonly #worker: WorkerProcess;
  readonly #timeout: number;
  readonly #log: Log;
  #inFlight = 0;

  /** @param timeout milliseconds; Infinity for none */
  constructor(worker: WorkerProcess, timeout: number, log: Log) {
    this.#worker = worker;
    this.#timeout = timeout;
    this.#log = log;
  }

  /** Runs a function. Never rejects: whatever went wrong is a result with status "failure". */
  async run(invocation: Invocation): Promise<RpcInvocationResponse> {
    const { name, functionId, trigger } = invocation.definition;
    const { invocationId = randomUUID(), retryContext } = invocation;
    const category = `Function.${name}`;
    this.#log(
      "information",
      category,
      `Executing 'Functions.${name}' (Reason='${invocation.reason}', Id=${invocationId})`,
    );
    this.#inFlight += 1;
    const startedAt = performance.now();
    const response = await this.#ask({
      invocationId,
      functionId,
      inputData: [{ name: trigger, data: invocation.input }],
      triggerMetadata: {},
      traceContext: invocation.traceContext ?? continueTrace(),
      ...(retryContext === undefined ? {} : { retryContext }),
    });
    this.#inFlight -= 1;

    const failed = response.result.status === "failure";
    const duration = Math.round(performance.now() - startedAt);
    const end = `Executed 'Functions.${name}' (${failed ? "Failed" : "Succeeded"}, Id=${invocationId}, Duration=${duration}ms)`;
    this.#log(failed ? "error" : "information", category, failed ? `${end}\n${stack(response)}` : end);
    return response;
  }

  /** Resolves when nothing runs any more, or after the limit (milliseconds). */
  async drained(limit: number): Promise<void> {
    const deadline = Date.now() + limit;
    while (this.#inFlight > 0 && Date.now() < deadline) await delay(10);
  }

  async #ask(request: RpcInvocationRequest): Promise<RpcInvocationResponse> {
    try {
      await this.#worker.whenRunning(RESTART_LIMIT);
      const response = await within(this.#timeout, this.#worker.invoke(request));
      if (response !== undefined) return response;
      // Code that does not come back cannot be stopped from outside but by ending its process, as the real host does.
      this.#worker.kill();
      return failure(request, {
        message: `Timeout value of ${this.#timeout / 1000} s exceeded: the worker is restarted`,
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
