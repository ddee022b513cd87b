/**
 * The messages between host and worker: the RPC types of `@azure/functions-core` for HTTP and timer triggers, over a child
 * process's message channel instead of gRPC.
 */

export interface RpcTypedData {
  readonly string?: string | null;
  readonly json?: string | null;
  readonly bytes?: Uint8Array | null;
  readonly http?: RpcHttpData | null;
}

export interface RpcNullable<T> {
  readonly value?: T | null;
}

export interface RpcHttpData {
  readonly method?: string;
  readonly url?: string;
  readonly statusCode?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly nullableHeaders?: Readonly<Record<string, RpcNullable<string>>>;
  readonly nullableParams?: Readonly<Record<string, RpcNullable<string>>>;
  readonly nullableQuery?: Readonly<Record<string, RpcNullable<string>>>;
  readonly body?: RpcTypedData | null;
  readonly cookies?: readonly unknown[];
}

export interface RpcTraceContext {
  readonly traceParent: string;
  readonly traceState?: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface RpcException {
  readonly message: string;
  readonly stackTrace?: string;
}

export interface RpcInvocationRequest {
  readonly invocationId: string;
  readonly functionId: string;
  readonly inputData: readonly { readonly name: string; readonly data: RpcTypedData }[];
  readonly triggerMetadata: Readonly<Record<string, RpcTypedData>>;
  readonly traceContext: RpcTraceContext;
}

export interface RpcInvocationResponse {
  readonly invocationId: string;
  readonly outputData?: readonly { readonly name: string; readonly data: RpcTypedData }[];
  readonly returnValue?: RpcTypedData | null;
  readonly result: { readonly status: "success" | "failure"; readonly exception?: RpcException };
}

export interface RpcBindingInfo {
  readonly type: string;
  readonly direction: "in" | "out" | "inout";
  readonly [property: string]: unknown;
}

/** A function as the app registered it, before the host has looked at it. */
export interface RegisteredFunction {
  readonly name: string;
  readonly functionId: string;
  readonly bindings: Readonly<Record<string, RpcBindingInfo>>;
  readonly retryOptions?: unknown;
}

export const LOG_LEVELS = ["trace", "debug", "information", "warning", "error", "critical", "none"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type HostMessage =
  { readonly type: "invoke"; readonly request: RpcInvocationRequest } | { readonly type: "terminate" };

export type WorkerMessage =
  | { readonly type: "loaded"; readonly functions: readonly RegisteredFunction[]; readonly httpStreams: boolean }
  | { readonly type: "loadFailed"; readonly message: string; readonly stack: string }
  | { readonly type: "log"; readonly level: LogLevel; readonly category: string; readonly message: string }
  | { readonly type: "response"; readonly response: RpcInvocationResponse };
