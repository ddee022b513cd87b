/**
 * The validated access policy and service options: tools load them from here only. If they have mistakes, the process that
 * imports this file prints all of them and ends with exit code 2.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import type { AccessPolicy, Policy, ServiceName } from "@restricted-calls/shared/access-policy";
import { readPolicyFiles } from "./policy-mistakes.ts";
import { tableEndpointSettingOf } from "./service-names.ts";

/** The options of one service: `ServiceOptions` in infra/types.bicep. */
export interface ServiceOptions {
  readonly tableEndpointSetting?: string;
  readonly healthCheckPath?: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** Further destinations of its calls: service tags or address ranges, each with a port. */
  readonly outboundDestinations?: readonly { readonly to: string; readonly port: number }[];
}

const { policy, options, mistakes } = readPolicyFiles(join(import.meta.dirname, ".."));
if (mistakes.length > 0) {
  // Unlike console.error, writeSync has written when it returns.
  writeSync(2, `${mistakes.join("\n")}\n`);
  process.exit(2);
}

/** Who may call whom, with which roles: `shared/access-policy.json`. */
export const accessPolicy = policy as AccessPolicy & Policy;

/** The services of the access policy. */
export const serviceNames = Object.keys(accessPolicy.services) as ServiceName[];

/** The options by service: `infra/service-options.json`. */
export const serviceOptions = options as Readonly<Record<string, ServiceOptions | undefined>>;

/** The setting that gets the endpoint of a service's tables. */
export function tableEndpointSetting(service: string): string {
  return tableEndpointSettingOf(serviceOptions[service]);
}
