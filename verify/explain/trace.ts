/** Explains real calls to the local system by their trace id, from what its services and front ends recorded. */
import type { Policy } from "@restricted-calls/shared/access-policy";
import type { AuditEvent } from "@restricted-calls/shared/authorization";
import {
  directoryOf,
  networkOf as sourceOf,
  readAuditEvents,
  readNetworkRefusals,
  type RecordedEvent,
  type RecordedRefusal,
} from "../../local/index.ts";
import { UsageError } from "../../tools/command-line.ts";
import { type StepId, STEPS, type Step } from "../model/expectations.ts";
import type { Outcome } from "../model/report.ts";
import { outcomeInWords } from "../report/words.ts";
import { explainedSteps, type Explanation, placeInContract } from "./explanation.ts";
import { type About, networkOf } from "./facts.ts";
import { refusalCodeRow } from "./refusal-codes.ts";

const TRACE = /^(?:[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}|([0-9a-f]{32}))$/;

/**
 * Explains each recorded call of a trace, in the order of their arrival.
 *
 * @param folder where the system runs, or ran last
 * @param id the trace id, 32 hexadecimal digits, or the whole `traceparent`: W3C Trace Context, section 3.2
 * @throws UsageError for another id; Error without a record of the trace
 */
export function explainTrace(policy: Policy, folder: string, id: string): Explanation[] {
  const [, whole, alone] = TRACE.exec(id.toLowerCase()) ?? [];
  const traceId = whole ?? alone;
  if (traceId === undefined) {
    throw new UsageError(`--trace takes a trace id of 32 hexadecimal digits, or a traceparent, not "${id}".`);
  }
  const events = readAuditEvents(folder);
  if (events === undefined)
    throw new Error(`No local system has run in ${folder}: start one by npm start, and call it.`);
  const ofTrace = ({ event: { traceParent } }: RecordedEvent | RecordedRefusal): boolean =>
    traceParent?.split("-")[1] === traceId;
  const found = [
    ...events.filter(ofTrace).map((one) => ({ ...one, explain: () => explainEvent(policy, one) })),
    ...(readNetworkRefusals(folder) ?? [])
      .filter(ofTrace)
      .map((one) => ({ ...one, explain: () => explainRefusal(policy, one) })),
  ];
  if (found.length > 0) {
    return found.toSorted((one, other) => one.time.localeCompare(other.time)).map(({ explain }) => explain());
  }
  throw new Error(
    `Nothing is recorded of trace ${traceId} since the last npm start: no service decided about it, and no front end refused ` +
      "it. Was it sent to this system, with the header traceparent? A caller without a token makes no call: its log has the " +
      "AADSTS number. An operation that asks for no token leaves no event, and neither do apps that you started yourself (--no-apps). Without the header, a call that a front end refused " +
      "is only in the log of npm start: a line that begins with 'refused'.",
  );
}

/** A decision of a service's guard. The front end let the call in. */
function explainEvent(policy: Policy, { time, service, event }: RecordedEvent): Explanation {
  const { allowed, code, callerAppId, operation, requirement, tokenIssuedAt } = event;
  const who = callerAppId === undefined ? null : nameOfClient(policy, callerAppId);
  const row = code === undefined ? undefined : refusalCodeRow(code);
  const refusal: Outcome = { refusedBy: "application", status: row?.status ?? null, code: code ?? null };
  const own = code?.startsWith("custom-rule") === true;
  const steps = STEPS.map((id): Step => {
    const ends = code !== undefined && !own && id === pointOf(code) ? refusal : null;
    return { id, applies: id !== "host", ends };
  });
  // Functions and operations have the same names, in another form.
  const place = placeInContract(
    service,
    operation.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  );
  const about: About = {
    ...{ policy, who, origin: null, operation: { service, role: inWords(requirement), call: "", place } },
    token: { sent: code !== "no-credentials", roles: null, issuedAt: tokenIssuedAt },
  };
  const outcome: Outcome = allowed ? { refusedBy: "nobody", status: null, code: null } : refusal;
  return {
    call: `${time} ${who ?? "A caller that no valid token names"} called ${operation} of ${service}.`,
    outcome,
    summary: summaryOf(service, event, outcome, row?.remedy),
    steps: explainedSteps(steps, about),
  };
}

/** A call that the front end refused: no service saw it, or its token. */
function explainRefusal(policy: Policy, { time, service, event }: RecordedRefusal): Explanation {
  const { method, path, address, rule } = event;
  const callerOf = callerAt(policy, address);
  const outcome: Outcome = { refusedBy: "network", status: 403, code: null };
  const steps = STEPS.map((id): Step => ({
    ...{ id, applies: id === "network" },
    ends: id === "network" ? outcome : null,
  }));
  const title = callerOf === null ? `${address}, of no caller` : `${networkOf(policy, callerOf)} (${address})`;
  return {
    call: `${time} A caller that no service identified called ${method} ${path} of ${service}.`,
    outcome,
    summary: `${outcomeInWords(outcome)}, by ${rule === "unmatched rule" ? "the default action: no rule matches" : `the rule ${rule}`}.`,
    steps: explainedSteps(steps, {
      ...{ policy, who: null, origin: { callerOf, title } },
      operation: { service, role: null, call: "", place: "" },
      token: { sent: false, roles: null },
    }),
  };
}

function summaryOf(service: string, { wouldRefuse, code, reason }: AuditEvent, outcome: Outcome, remedy = ""): string {
  if (wouldRefuse === true) {
    return `Let through: ${service} only reports (REPORT_ONLY_UNTIL). It would refuse: ${code ?? "no code"}.`;
  }
  if (code?.startsWith("custom-rule") !== true)
    return outcome.code === null ? "Allowed." : `${outcomeInWords(outcome)}.`;
  return `${outcomeInWords(outcome)}, by the service's own rule${reason === undefined ? "" : ` (${reason})`}. ${remedy}.`;
}

/** The point at which the guard refuses by a code. */
function pointOf(code: string): StepId {
  if (code === "caller-not-allowed" || code === "caller-denied") return "allow-list";
  return code === "role-missing" ? "role" : "token-check";
}

function inWords(requirement: AuditEvent["requirement"]): string {
  if (typeof requirement === "string") return requirement;
  if ("anyOf" in requirement) return requirement.anyOf.join(" or ");
  return "allOf" in requirement ? requirement.allOf.join(" and ") : "no role, but an assignment";
}

/** A caller's name in the local directory, or its client id. */
function nameOfClient(policy: Policy, clientId: string): string {
  return directoryOf(policy).identities.find((one) => one.clientId === clientId)?.name ?? clientId;
}

/** The service or external caller that the local system lets call from this address; null for none. */
function callerAt({ services, externalCallers = {} }: Policy, address: string): string | null {
  const callers = [...Object.keys(services), ...Object.keys(externalCallers)];
  return callers.find((caller) => sourceOf(caller).address === address) ?? null;
}
