/** The module `@azure/functions-core`, by which an app registers its functions and hooks. */
import Module from "node:module";
import type { Log } from "../host-log.ts";
import type { LogLevel, RegisteredFunction, RpcInvocationRequest, RpcInvocationResponse } from "./protocol.ts";

export type FunctionCallback = (...inputs: unknown[]) => unknown;
type Hook = (context: unknown) => unknown;
export type HookName = "preInvocation" | "postInvocation" | "appStart" | "appTerminate";

export interface CoreInvocationContext {
  readonly invocationId: string;
  readonly request: RpcInvocationRequest;
  readonly metadata: RegisteredFunction;
  state: "preInvocationHooks" | "invocation" | "postInvocationHooks" | undefined;
  log(level: LogLevel, category: "user" | "system" | "customMetric", message: string): void;
}

interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<Omit<RpcInvocationResponse, "result">>;
}

interface ProgrammingModel {
  readonly name: string;
  readonly version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel | Promise<InvocationModel>;
  getCapabilities?(defaults: Record<string, string>): Promise<Record<string, string>>;
}

/** What the app has registered. It can register until it is loaded. */
export const app = {
  functions: new Map<string, { readonly metadata: RegisteredFunction; readonly callback: FunctionCallback }>(),
  hooks: { preInvocation: [], postInvocation: [], appStart: [], appTerminate: [] } as Record<HookName, Hook[]>,
  programmingModel: undefined as ProgrammingModel | undefined,
  loaded: false,
};

/** Runs the hooks of that name in the order of their registration, up to the first that throws. */
export async function runHooks(name: HookName, context: object): Promise<void> {
  for (const hook of app.hooks[name]) await hook(context);
}

/**
 * Provides the module `@azure/functions-core`, as the Functions Node worker does. It is not an npm package: `@azure/functions`
 * requires it at run time, by `Module._load`, both in CommonJS and through `createRequire`.
 */
export function provideCoreModule(log: Log): void {
  const core = {
    version: process.versions.node,
    hostVersion: "4.0.0",
    registerFunction,
    registerHook,
    setProgrammingModel: (model: ProgrammingModel): void => {
      app.programmingModel = model;
    },
    getProgrammingModel: () => app.programmingModel,
    log,
    Disposable,
  };
  const loader = Module as unknown as { _load: (request: string, ...rest: unknown[]) => unknown };
  const load = loader._load;
  loader._load = function (request, ...rest) {
    return request === "@azure/functions-core" ? core : Reflect.apply(load, this, [request, ...rest]);
  };
}

function registerFunction(metadata: Omit<RegisteredFunction, "functionId">, callback: FunctionCallback): Disposable {
  if (app.loaded) throw new Error("A function can only be registered during app startup.");
  const functionId = (metadata as Partial<RegisteredFunction>).functionId ?? metadata.name;
  if (app.functions.has(functionId)) {
    throw new Error(`A function with id "${functionId}" has already been registered.`);
  }
  app.functions.set(functionId, { metadata: { ...metadata, functionId }, callback });
  return new Disposable(() => {
    if (app.loaded) throw new Error("A function can only be disposed during app startup.");
    app.functions.delete(functionId);
  });
}

function registerHook(name: string, callback: Hook): Disposable {
  if (!Object.hasOwn(app.hooks, name)) {
    // By this property, `@azure/functions` recognizes a host without a newer hook, such as "log".
    throw Object.assign(new RangeError(`Unrecognized hook "${name}"`), { isAzureFunctionsSystemError: true });
  }
  const hooks = app.hooks[name as HookName];
  hooks.push(callback);
  return new Disposable(() => {
    if (hooks.includes(callback)) hooks.splice(hooks.indexOf(callback), 1);
  });
}

class Disposable {
  readonly #dispose: () => unknown;

  constructor(dispose: () => unknown) {
    this.#dispose = dispose;
  }

  static from(...disposables: readonly { dispose: () => unknown }[]): Disposable {
    return new Disposable(() => {
      for (const disposable of disposables) disposable.dispose();
    });
  }

  dispose(): unknown {
    return this.#dispose();
  }
}
