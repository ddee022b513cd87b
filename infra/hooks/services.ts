import { readFileSync } from "node:fs";
import { join } from "node:path";

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
  return Object.keys(policy()[service]?.roles ?? {}).length > 0;
}

/** Whether a service may call another one. */
export function isCaller(service: string): boolean {
  return Object.values(policy()).some(({ callers }) => service in callers);
}

type Services = Readonly<Record<string, { readonly roles: object; readonly callers: object }>>;

function policy(): Services {
  const file = join(import.meta.dirname, "..", "..", "shared", "access-policy.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly services: Services }).services;
}
