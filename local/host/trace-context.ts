import { randomBytes } from "node:crypto";
import type { RpcTraceContext } from "./worker/protocol.ts";

/** https://www.w3.org/TR/trace-context/#traceparent-header; ids of zeros only are invalid, as is version ff. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:$|-)/;

/**
 * The trace context of an invocation: the caller's trace with a span of the host's own, as the Functions host does, or a
 * trace of its own when the caller sent none, or a malformed one.
 */
export function continueTrace(traceparent?: string, tracestate?: string): RpcTraceContext {
  const [, traceId, flags] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  const spanId = randomBytes(8).toString("hex");
  const traceParent = `00-${traceId ?? randomBytes(16).toString("hex")}-${spanId}-${flags ?? "00"}`;
  const continued = traceId !== undefined && tracestate !== undefined && tracestate !== "";
  return { traceParent, attributes: {}, ...(continued ? { traceState: tracestate } : {}) };
}
