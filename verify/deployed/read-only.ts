/** What `--read-only` leaves out: requests that write, that return secrets, or that need a key. */
import type { Observation, PlannedCall } from "../model/plan.ts";
import type { Operation } from "../model/report.ts";

/**
 * The POST requests of the verification that return no secret. Resource Manager has no GET for them. All other POST requests
 * return app settings or keys, which contain secrets.
 *
 * @see https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-view-associated-resources-for-an-identity
 */
const WITHOUT_SECRETS = /\/userAssignedIdentities\/[^/]+\/listAssociatedResources$/;

/** Whether a request of the verification writes nothing and returns no secret. */
export function isReadOnly(method: string, url: string): boolean {
  return method === "GET" || (method === "POST" && WITHOUT_SECRETS.test(new URL(url).pathname));
}

export const SECRETS_LEFT_OUT =
  "Left out by --read-only: this request returns app settings or keys, which contain secrets.";

const CALL_LEFT_OUT: Observation = {
  actual: null,
  exchanges: [],
  note: "Left out by --read-only: it sends only GET requests, and none with a key.",
  leftOut: true,
};

/**
 * Leaves out every call that is not a GET request, or that needs a key.
 *
 * @param needsKey the ids of the callers that send a key
 */
export function readOnlyCalls(
  calls: readonly PlannedCall[],
  operations: readonly Operation[],
  needsKey: readonly string[],
): PlannedCall[] {
  const reading = new Set(operations.filter(({ method }) => method === "GET").map(({ id }) => id));
  return calls.map((call) => {
    const isMade = reading.has(call.operation) && !needsKey.includes(call.caller ?? "");
    return isMade || call.origin !== "here" ? call : { ...call, make: () => Promise.resolve(CALL_LEFT_OUT) };
  });
}
