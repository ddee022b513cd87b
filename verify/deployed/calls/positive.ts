/** The calls that must succeed: the positive call of each service's contract, with a function key. */
import { randomUUID } from "node:crypto";
import type { ContractOperation, PositiveCall, WorkState } from "@restricted-calls/shared/contract";
import { contracts } from "../../../tools/contracts.ts";
import { poll } from "../../../tools/poll.ts";
import { sampleCallOf, statedOperation } from "../../model/operations.ts";
import type { Observation, PlannedCall } from "../../model/plan.ts";
import type { CallerKind, Outcome } from "../../model/report.ts";
import { once } from "../azure/reading.ts";
import type { ServiceView } from "../view.ts";
import { type CallContext, notMade, plannedCall, type Request, send, UNKNOWN_ADDRESS } from "./context.ts";

export const keyHolder: CallerKind = {
  id: "function-key",
  title: "A client of a service without roles",
  description: "Has a function key of the service, which then calls others with its own identity, from its subnet.",
};

export interface WorkTimeout {
  /** How long work may be pending. */
  readonly totalMs: number;
  /** The wait between two requests for its state. */
  readonly pollMs: number;
}

const ACCEPTED = 202;
const OK: Outcome = { refusedBy: "nobody", status: 200, code: null };

export function positiveCalls(context: CallContext, timeout: WorkTimeout): PlannedCall[] {
  return context.view.services.flatMap((service) => {
    const call = contracts[service.name]?.positiveCall;
    if (call === undefined) return [];
    const { status } = sampleCallOf(call.operation, "");
    const work = once(() => submit(context, service, call, timeout));
    const planned = (id: string, expected: Outcome, part: keyof Work): PlannedCall =>
      plannedCall(id, "here", keyHolder.id, expected, async () => (await work())[part]);
    return [
      planned(call.operation, { ...OK, status }, "submitted"),
      ...(call.outcome === undefined ? [] : [planned(call.outcome.operation, OK, "outcome")]),
    ];
  });
}

interface Work {
  readonly submitted: Observation;
  readonly outcome: Observation;
}

async function submit(
  context: CallContext,
  service: ServiceView,
  { operation: id, outcome }: PositiveCall,
  timeout: WorkTimeout,
): Promise<Work> {
  const headers = await keyHeaders(context, service, statedOperation(id));
  if (typeof headers === "string") return { submitted: notMade(headers), outcome: notMade(headers) };

  const unique = randomUUID();
  const { path, body, status } = sampleCallOf(id, unique);
  const { method = "GET" } = statedOperation(id) ?? {};
  const common = { headers, timeoutMs: context.timeoutMs };
  const { body: text, ...submitted } = await send({ ...common, method, url: `${service.url}${path}`, body });
  if (outcome === undefined) return { submitted, outcome: notMade("The response is the outcome.") };
  if (submitted.actual === null) return { submitted, outcome: notMade("No work was submitted.") };

  const stateIn = (response: string): WorkState | null => outcome.read(parsed(response), unique);
  const { method: reads = "GET" } = statedOperation(outcome.operation) ?? {};
  const request: Request = { ...common, method: reads, url: `${service.url}${outcome.path(unique)}` };
  const isPending = submitted.actual.status === ACCEPTED;
  const { body: last, ...observed } = await poll(
    () => send(request),
    ({ body: response }) => !isPending || stateIn(response)?.is !== "pending",
    { pauseMs: timeout.pollMs, timeoutMs: timeout.totalMs },
  );
  const state = stateIn(last);
  const isDone = observed.actual === null || state?.is === "done";
  const note = `The work is ${state?.name ?? "not what was submitted"}.`;
  return {
    submitted: assess(submitted, stateIn(text), isDone ? state : null, status),
    outcome: isDone ? observed : { ...observed, different: true, note },
  };
}

/** 202 passes too, if the work is done later. */
function assess(
  submitted: Observation,
  state: WorkState | null,
  later: WorkState | null,
  success: number,
): Observation {
  const { status } = submitted.actual ?? {};
  if (status === ACCEPTED && later !== null) {
    const expected: Outcome = { ...OK, status };
    return { ...submitted, expected, note: `Pending at first, and ${later.name} later.` };
  }
  if (status === success && state?.is !== "done") {
    return { ...submitted, different: true, note: "The response does not say that this work is done." };
  }
  return submitted;
}

/** The headers of a call from this machine, or why it cannot make the call. */
async function keyHeaders(
  { here, view }: CallContext,
  { azure }: ServiceView,
  operation: ContractOperation | undefined,
): Promise<Readonly<Record<string, string>> | string> {
  const { address, isWithin } = await here();
  if (address === null) return UNKNOWN_ADDRESS;
  if (!isWithin(view.deployment.ingressRanges)) {
    return `${address} is not among RESTRICTED_INGRESS_ADDRESS_RANGES, so services without roles are closed to this machine.`;
  }
  if (operation?.access === "public") return {};
  const key = await azure.functionKey();
  if (key.kind === "found") return { "x-functions-key": key.value };
  return key.kind === "unreadable" ? key.reason : "The service has no function key.";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
