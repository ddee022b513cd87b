/**
 * The access policy and the service options, validated: the one place where tools load them. Where one of them has
 * mistakes, the process that loads this prints them all and ends with exit code 2: nothing was done.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import type { AccessPolicy, ServiceName } from "@restricted-calls/shared/access-policy";
import { readPolicyFiles } from "./policy-mistakes.ts";
import { tableEndpointSettingOf } from "./service-names.ts";

/** What only one service needs: `ServiceOptions` in infra/types.bicep. */
export interface ServiceOptions {
  readonly tableEndpointSetting?: string;
  readonly healthCheckPath?: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** Where else it calls: service tags or address ranges, each with a port. */
  readonly outboundDestinations?: readonly { readonly to: string; readonly port: number }[];
}

const { policy, options, mistakes } = readPolicyFiles(join(import.meta.dirname, ".."));
if (mistakes.length > 0) {
  // Not console.error, which may write later than the process ends.
  writeSync(2, `${mistakes.join("\n")}\n`);
  process.exit(2);
}

/** Who may call whom, with which roles: `shared/access-policy.json`. */
export const accessPolicy = policy as AccessPolicy;

/** The services of the access policy. */
export const serviceNames = Object.keys(accessPolicy.services) as ServiceName[];

/** What only one service needs, by service: `infra/service-options.json`. */
export const serviceOptions = options as Readonly<Record<string, ServiceOptions | undefined>>;

/** The setting that gets the endpoint of a service's tables. */
export function tableEndpointSetting(service: string): string {
  return tableEndpointSettingOf(serviceOptions[service]);
}

/** Whether a service has roles, and so an app registration. */
export function isApi(service: string): boolean {
  return Object.keys(services[service]?.roles ?? {}).length > 0;
}

/** Whether a service may call another one. */
export function isCaller(service: string): boolean {
  return Object.values(services).some(({ callers }) => service in callers);
}

/** The services with roles. */
export function apiNames(): string[] {
  return Object.keys(services).filter(isApi);
}

/** The services that may call another one. */
export function callerNames(): string[] {
  return Object.keys(services).filter(isCaller);
}

/** The last place of a service in the address space. */
export function lastSubnet(): number {
  return Math.max(...Object.values(services).map(({ subnet }) => subnet));
}

const services: Readonly<
  Record<string, { readonly subnet: number; readonly roles: object; readonly callers: object }>
> = accessPolicy.services;
