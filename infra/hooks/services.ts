import { accessPolicy } from "../../tools/access-policy.ts";

/** A deployed service, as main.bicep gives it out. */
export interface DeployedService {
  readonly name: string;
  readonly siteName: string;
  /** The origin. */
  readonly url: string;
}

/** The output SERVICES of the last deployment, which azd puts into its hooks' environment; none before, and after a tear-down. */
export function deployedServices(environment: NodeJS.ProcessEnv): readonly DeployedService[] {
  const { SERVICES = "" } = environment;
  return (SERVICES === "" ? [] : JSON.parse(SERVICES)) as readonly DeployedService[];
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
