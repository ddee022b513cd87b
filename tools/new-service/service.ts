/** A new service: what the command line asks for, checked against the access policy and the contracts. */
import { apiNames, lastSubnet, type Policy, type ServicePolicy } from "@restricted-calls/shared/access-policy";
import type { ContractOperation, SampleCall } from "@restricted-calls/shared/contract";
import { UsageError } from "../command-line.ts";
import { type Contracts, isFirstCall } from "../contract-mistakes.ts";

/** The services of an access policy. */
export type Services = Policy["services"];

/** What the command line asks for. */
export interface NewServiceArguments {
  readonly name: string;
  /** Each as `<service>:<role>`. */
  readonly calls: readonly string[];
  /** App roles of the new service. */
  readonly offers: readonly string[];
}

export interface NewService {
  readonly name: string;
  readonly subnet: number;
  readonly calls: readonly GrantedCall[];
  readonly offers: readonly OfferedRole[];
  /** The id of the operation that makes its calls, if it offers none that could make them. */
  readonly callsId: string;
  readonly healthId: string;
}

/** An operation of another service that the new one calls. */
export interface GrantedCall {
  readonly service: string;
  readonly role: string;
  /** The id of the operation. */
  readonly operation: string;
  readonly method: string;
  readonly call: SampleCall;
  /** Whether the call succeeds at a system where nothing was called before. */
  readonly succeeds: boolean;
}

export interface OfferedRole {
  readonly role: string;
  /** The id of the operation that requires it, also its route. */
  readonly operation: string;
}

/** The number of subnets that an access policy has: `subnet` in shared/access-policy.schema.json. */
const SUBNETS = 256;

/** @throws UsageError in one line, for arguments that cannot be carried out */
export function newServiceOf(
  { name, calls, offers }: NewServiceArguments,
  services: Services,
  contracts: Contracts,
): NewService {
  if (Object.hasOwn(services, name)) throw new UsageError(`${name} is a service already (shared/access-policy.json).`);
  if (calls.length === 0 && offers.length === 0) {
    throw new UsageError(`Say what ${name} does: --calls <service>:<role>, --offers <role>, or both.`);
  }
  for (const [option, values] of Object.entries({ calls, offers })) {
    const twice = values.find((value, i) => values.indexOf(value) !== i);
    if (twice !== undefined) throw new UsageError(`--${option} ${twice} is given twice.`);
  }
  return {
    name,
    subnet: freeSubnet(services),
    calls: calls.map((text) => grantedCall(text, name, services, contracts)),
    offers: offers.map((role) => ({ role, operation: withStem(name, inWords(role).join("-")) })),
    callsId: withStem(name, "calls"),
    healthId: withStem(name, "health"),
  };
}

/** The access policy's services with the new one: its entry, and its grants at the services that it calls. */
export function servicesWith(services: Services, { name, subnet, calls, offers }: NewService): Services {
  const granted = Map.groupBy(calls, ({ service }) => service);
  const others = Object.entries(services).map(([service, policy]) => {
    const roles = granted.get(service)?.map(({ role }) => role);
    return [service, roles === undefined ? policy : { ...policy, callers: { ...policy.callers, [name]: roles } }];
  });
  const roles = offers.map(({ role, operation }) => {
    return [role, { id: crypto.randomUUID(), description: `Call ${operation}` }];
  });
  return {
    ...(Object.fromEntries(others) as Services),
    [name]: { subnet, roles: Object.fromEntries(roles) as ServicePolicy["roles"], callers: {} },
  };
}

/** The name of a function in camel case: `chargeCard` for the words "charge-card". */
export function camelCase(id: string): string {
  return id.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Above the highest number: one below it may have been a service's that is still deployed. */
function freeSubnet(services: Services): number {
  const above = lastSubnet({ services }) + 1;
  if (above < SUBNETS) return above;
  const taken = Object.values(services).map(({ subnet }) => subnet);
  const free = Array.from({ length: SUBNETS }, (_, i) => i).find((i) => !taken.includes(i));
  if (free === undefined) throw new UsageError(`All ${SUBNETS} subnets of the address space are taken.`);
  return free;
}

function grantedCall(text: string, name: string, services: Services, contracts: Contracts): GrantedCall {
  const [, service = "", role = ""] = /^([^:]+):([^:]+)$/.exec(text) ?? [];
  if (role === "") throw new UsageError(`--calls "${text}" is not <service>:<role>.`);
  if (service === name) throw new UsageError(`--calls ${text}: a service does not call itself over the network.`);
  const called = Object.hasOwn(services, service) ? services[service] : undefined;
  if (called === undefined) {
    const known = apiNames({ services }).join(", ");
    throw new UsageError(`--calls ${text}: there is no service ${service}. Those with roles: ${known}.`);
  }
  if (!Object.hasOwn(called.roles, role)) {
    const known = Object.keys(called.roles).join(", ") || "none";
    throw new UsageError(`--calls ${text}: ${service} has no role ${role}. Its roles: ${known}.`);
  }
  const operation = operationFor(role, contracts[service]?.operations ?? []);
  if (operation?.sample === undefined) {
    throw new UsageError(`--calls ${text}: ${service}/contract.ts lists no operation with this role.`);
  }
  const { id, method, sample } = operation;
  return { service, role, operation: id, method, call: sample(name), succeeds: isFirstCall(operation) };
}

/** The methods of a service client: `ServiceRequest` in shared/service-client/service-client.ts. */
const METHODS = ["GET", "PUT", "DELETE", "POST"];

/** One that succeeds without another call before, and reads, if there is one. */
function operationFor(role: string, operations: readonly ContractOperation[]): ContractOperation | undefined {
  const granted = operations.filter(
    (one) => one.access === "token" && one.role === role && METHODS.includes(one.method),
  );
  const first = granted.filter(isFirstCall);
  return first.find(({ method }) => method === "GET") ?? first[0] ?? granted[0];
}

/** `Billing.ChargeCard` is billing, charge, card. */
function inWords(role: string): string[] {
  return role
    .split(/\.+|(?<=[a-z0-9])(?=[A-Z])/)
    .filter((word) => word !== "")
    .map((word) => word.toLowerCase());
}

/** Ids are unique among all services, so they begin with the service's name. */
function withStem(name: string, id: string): string {
  const stem = name.replace(/-func$/, "");
  return id === stem || id.startsWith(`${stem}-`) ? id : `${stem}-${id}`;
}
