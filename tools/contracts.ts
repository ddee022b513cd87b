/**
 * The contracts of the services: tools take them from here only. If they have mistakes, the process that imports this file
 * prints all of them and ends with exit code 2.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import type { ContractOperation, SampleCall } from "@restricted-calls/shared/contract";
import { accessPolicy } from "./access-policy.ts";
import { type Contracts, type FirstCall, isFirstCall, readContracts } from "./contract-mistakes.ts";

const read = await readContracts(join(import.meta.dirname, ".."), accessPolicy.services);
if (read.mistakes.length > 0) {
  writeSync(2, `${read.mistakes.join("\n")}\n`);
  process.exit(2);
}

/** `<service>/contract.ts` of each service of the access policy, by service. */
export const contracts: Contracts = read.contracts;

/** The operations of a service; none for a service that the access policy of this checkout does not have. */
export function operationsOf(service: string): readonly ContractOperation[] {
  return contracts[service]?.operations ?? [];
}

/**
 * The operation that stands for all operations of a service with roles, where one is enough: its sample needs no other call
 * before, and the service's first caller holds its role, if there is such an operation.
 *
 * @throws Error for a service without roles
 */
export function typicalOperation(service: string): FirstCall {
  const { callers = {} } = accessPolicy.services[service] ?? {};
  const granted = Object.values(callers)[0] ?? [];
  const candidates = operationsOf(service).filter(isFirstCall);
  const operation = candidates.find(({ role }) => granted.includes(role)) ?? candidates[0];
  if (operation === undefined) throw new Error(`${service} has no operation with a role.`);
  return operation;
}

/**
 * A command that makes a call of an operation.
 *
 * @param headers each as it stands in a request, in the quotes of a shell
 */
export function curlOf(
  origin: string,
  { method }: Pick<ContractOperation, "method">,
  { path, body }: SampleCall,
  headers: readonly string[] = [],
): string {
  return [
    `curl -i ${origin}${path}`,
    ...(method === "GET" ? [] : [`-X ${method}`]),
    ...headers.map((header) => `-H ${header}`),
    ...(body === undefined ? [] : [`-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`]),
  ].join(" ");
}
