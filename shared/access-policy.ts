// The access policy, shared/access-policy.json: its types, and what follows from it for a service.
import type policy from "./access-policy.json";

/** The one source of truth: who may call whom, with which roles. Bicep, the apps, the local Entra and the proof read it. */
export type AccessPolicy = typeof policy;

type Services = AccessPolicy["services"];

/** A service of this system, as the access policy names it. */
export type ServiceName = keyof Services;

/** An app role that the service exposes. A misspelt role does not compile. */
export type AppRole<Service extends ServiceName> = keyof Services[Service]["roles"] & string;

/** An access policy with any services, as tools read it. */
export interface Policy {
  readonly services: Readonly<Record<string, ServicePolicy>>;
  /** Callers that are no services of this system, by name. */
  readonly externalCallers?: Readonly<Record<string, ExternalCaller>>;
}

/** A caller that another team runs. It calls from its own subnet, or from public addresses. */
export type ExternalCaller = {
  /** The client id in its tokens. */
  readonly clientId: string;
  /** The object id of its service principal. */
  readonly objectId: string;
} & (
  | { /** A resource id. */ readonly subnet: string; readonly addressRanges?: never }
  | { readonly subnet?: never; /** In CIDR notation. */ readonly addressRanges: readonly string[] }
);

export interface ServicePolicy {
  /** The service's fixed place in the address space. */
  readonly subnet: number;
  readonly roles: Readonly<Record<string, { readonly id: string; readonly description: string }>>;
  /** Which other services and external callers may call this one, with which of its roles. */
  readonly callers: Readonly<Record<string, readonly string[]>>;
  /** Why callers hold roles, by caller and role. A grant may do without. */
  readonly justifications?: Readonly<Record<string, Readonly<Record<string, Justification>>>>;
}

/** Who is responsible for a grant, and why it exists. */
export interface Justification {
  readonly owner: string;
  readonly reason: string;
  /** The grant ends at 00:00 UTC of this date, YYYY-MM-DD: checks fail then. The deployed role stays until somebody removes it. */
  readonly until?: string;
}

/** Whether others may call a service: it has roles, and so an app registration. */
export function isApi({ services }: Policy, service: string): boolean {
  return Object.keys(services[service]?.roles ?? {}).length > 0;
}

/** The services that a service may call. */
export function calleesOf({ services }: Policy, caller: string): string[] {
  return Object.keys(services).filter((service) => Object.hasOwn(services[service]?.callers ?? {}, caller));
}

/** Whether a service may call another one. */
export function isCaller(policy: Policy, service: string): boolean {
  return calleesOf(policy, service).length > 0;
}

/** The services with roles. */
export function apiNames(policy: Policy): string[] {
  return Object.keys(policy.services).filter((service) => isApi(policy, service));
}

/** The services that may call another one. */
export function callerNames(policy: Policy): string[] {
  return Object.keys(policy.services).filter((service) => isCaller(policy, service));
}

/** The external callers that may call a service, by name. */
export function externalCallersOf(policy: Policy, service: string): Readonly<Record<string, ExternalCaller>> {
  const { callers = {} } = policy.services[service] ?? {};
  return Object.fromEntries(
    Object.entries(policy.externalCallers ?? {}).filter(([name]) => Object.hasOwn(callers, name)),
  );
}

/**
 * The call that stands for all calls, where one is enough: to the first service that others may call, by the first of these.
 *
 * @returns undefined if no service may call another one
 */
export function firstCall({
  services,
  externalCallers = {},
}: Policy): { readonly caller: string; readonly callee: string } | undefined {
  for (const [callee, { callers }] of Object.entries(services)) {
    const caller = Object.keys(callers).find((name) => !Object.hasOwn(externalCallers, name));
    if (caller !== undefined) return { caller, callee };
  }
  return undefined;
}

/** The highest `subnet` of a service. */
export function lastSubnet({ services }: Policy): number {
  return Math.max(...Object.values(services).map(({ subnet }) => subnet));
}

/**
 * The prefix of the settings by which a caller calls a service: `CALLEE` for callee-func, in `CALLEE_URL` and `CALLEE_SCOPE`.
 * `settingPrefix` in infra/types.bicep has the same rule; `npm run infra:check` compares the two.
 */
export function settingPrefix(service: string): string {
  return service
    .replace(/-func$/, "")
    .replaceAll("-", "_")
    .toUpperCase();
}
