/** The operations of the services, by their contracts, and calls of them that succeed. */
import type { ContractOperation, SampleCall } from "@restricted-calls/shared/contract";
import { requiredBefore } from "../../tools/contract-mistakes.ts";
import { contracts, operationsOf } from "../../tools/contracts.ts";
import { asOperation, hostOperationsOf } from "./host-operations.ts";
import type { Operation } from "./report.ts";

const stated = Object.entries(contracts).flatMap(([service, { operations: offered }]) =>
  offered.map((operation) => ({ service, operation })),
);

/** What the contracts list. The access policy names roles, not operations. */
export const operations: readonly Operation[] = stated.map(({ service, operation }) => reported(service, operation));

/** All that can be asked of a service, also of its Functions host. */
export function everyOperation(service: string): Operation[] {
  return [
    ...operations.filter((operation) => operation.service === service),
    ...hostOperationsOf(service).map(asOperation),
  ];
}

/** The operations of a service that make what its others need to succeed, in this order. */
export function preparationsOf(service: string): Operation[] {
  const offered = operationsOf(service);
  return requiredBefore(offered, offered).map((operation) => reported(service, operation));
}

/** An operation of a contract as it stands there; undefined for one of a Functions host. */
export function statedOperation(id: string): ContractOperation | undefined {
  return stated.find(({ operation }) => operation.id === id)?.operation;
}

/** A call of the host itself: it starts a function that asks for nothing, if any. */
export function hostCallOf({ method, route }: Operation): Pick<SampleCall, "path" | "body"> {
  return { path: route.replace("{name}", "health"), ...(method === "POST" && { body: { input: "" } }) };
}

/** @param unique never the same for two calls of one system */
export function sampleCallOf(operation: string, unique: string): SampleCall {
  const sample = statedOperation(operation)?.sample;
  if (sample === undefined) throw new Error(`No contract has a sample of ${operation}.`);
  return sample(unique);
}

function reported(service: string, operation: ContractOperation): Operation {
  const { id, method, route } = operation;
  return { id, service, method, route, role: operation.access === "token" ? operation.role : null };
}
