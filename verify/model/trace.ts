/** Marks the calls of the proof by their trace, so that nobody takes them for calls of the business. */
import { randomBytes } from "node:crypto";

/** The first half of the trace ids. */
const PROOF = Buffer.from("verify--").toString("hex");

/** The value of the header `traceparent` for a call of the proof: W3C Trace Context, section 3.2. */
export function traceParentOfProof(): string {
  return `00-${PROOF}${randomBytes(8).toString("hex")}-${randomBytes(8).toString("hex")}-00`;
}

/** Whether a call, by its `traceparent`, is one of the proof. */
export function isOfProof(traceParent: string | undefined): boolean {
  return traceParent?.split("-")[1]?.startsWith(PROOF) === true;
}
