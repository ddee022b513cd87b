import { accessPolicy } from "../../tools/access-policy.ts";

/** A deployed service, as main.bicep gives it out. */
export interface DeployedService {
  readonly name: string;
  readonly siteName: string;
  /** The origin. */
  readonly url: string;
}

/** The output SERVICES of the last deployment, which azd puts into its hooks' environment. */
export function deployedServices(environment: NodeJS.ProcessEnv): readonly DeployedService[] {
  return JSON.parse(environment["SERVICES"] ?? "[]") as readonly DeployedService[];
}

/** Whether a service has roles, and so an app registration. */
export function isApi(service: string): boolean {
  return Object.keys(services[service]?.roles ?? {}).length > 0;
}

/** Whether a service may call another one. */
export function isCaller(service: string): boolean {
  return Object.values(services).some(({ callers }) => service in callers);
}

const services: Readonly<Record<string, { readonly roles: object; readonly callers: object }>> = accessPolicy.services;
