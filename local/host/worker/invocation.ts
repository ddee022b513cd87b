/** One invocation of a function in the worker. */
import { inspect } from "node:util";
import type { Log } from "../host-log.ts";
import type { RpcException, RpcInvocationRequest, RpcInvocationResponse } from "./protocol.ts";
import { app, runHooks, type CoreInvocationContext } from "./core-api.ts";

/** Shared by all hooks of the app while the worker runs. */
export const appHookData: Record<string, unknown> = {};

/**
 * Runs one invocation through the app's programming model: arguments, `preInvocation` hooks, the function,
 * `postInvocation` hooks, response. Never throws: what the app throws becomes a failed response.
 */
export async function invoke(request: RpcInvocationRequest, log: Log): Promise<RpcInvocationResponse> {
  try {
    return { ...(await run(request, log)), result: { status: "success" } };
  } catch (error) {
    const { invocationId } = request;
    return { invocationId, result: { status: "failure", exception: toRpcException(error) } };
  }
}

async function run(request: RpcInvocationRequest, log: Log): Promise<Omit<RpcInvocationResponse, "result">> {
  const registered = app.functions.get(request.functionId);
  if (registered === undefined || app.programmingModel === undefined) {
    throw new Error(`Function code for '${request.functionId}' is not loaded and cannot be invoked.`);
  }
  const core: CoreInvocationContext = {
    invocationId: request.invocationId,
    request,
    metadata: registered.metadata,
    state: undefined,
    log: (level, category, message) => {
      log(level, category === "user" ? `Function.${registered.metadata.name}.User` : "Worker", message);
    },
  };
  const model = await app.programmingModel.getInvocationModel(core);
  const { context, inputs } = await model.getArguments();

  const shared = { hookData: {}, appHookData, invocationContext: context };
  const before = { ...shared, functionCallback: registered.callback, inputs };
  await inState(core, "preInvocationHooks", () => runHooks("preInvocation", before));

  const after = { ...shared, inputs: before.inputs, result: null as unknown, error: null as unknown };
  try {
    after.result = await inState(core, "invocation", () =>
      model.invokeFunction(context, before.inputs, before.functionCallback),
    );
  } catch (error) {
    after.error = error;
  }
  await inState(core, "postInvocationHooks", () => runHooks("postInvocation", after));

  // As in the Functions worker, a hook may have set or removed the error; a thrown null or undefined is no error.
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- the app's own thrown value, whatever it is
  if (after.error !== null && after.error !== undefined) throw after.error;
  return model.getResponse(context, after.result);
}

async function inState<T>(
  core: CoreInvocationContext,
  state: CoreInvocationContext["state"],
  action: () => Promise<T>,
): Promise<T> {
  core.state = state;
  try {
    return await action();
  } finally {
    core.state = undefined;
  }
}

/** An error as the host gets it. The app may throw any value. */
export function toRpcException(error: unknown): RpcException & { readonly stackTrace: string } {
  if (error instanceof Error) return { message: error.message, stackTrace: error.stack ?? error.message };
  const message = typeof error === "string" ? error : inspect(error);
  return { message, stackTrace: message };
}
