/** What an invariant is, and what it is checked against. */
import type { Policy } from "@restricted-calls/shared/access-policy";
import type { ServiceOptions } from "../../tools/access-policy.ts";
import type { Snapshot } from "../snapshot.ts";

/** A rule that every deployment keeps, and its check against a snapshot. */
export interface Invariant {
  /** The rule, as a sentence about the deployed system. */
  readonly name: string;
  readonly check: Check;
}

/** @returns the violations: what was found where, and what was expected */
export type Check = (snapshot: Snapshot, expected: Expected) => string[];

export function invariant(name: string, check: Check): Invariant {
  return { name, check };
}

/** What a snapshot is checked against. */
export interface Expected {
  /** The access policy, or one of the same form. */
  readonly policy: Policy;
  /** The service options, by service. */
  readonly serviceOptions: Readonly<Record<string, ServiceOptions | undefined>>;
  /** The values of the template's parameters that invariants depend on. */
  readonly parameters: Parameters;
}

/** Parameters of main.bicep. */
export interface Parameters {
  readonly plan: {
    readonly kind: "ElasticPremium" | "Dedicated";
    readonly sku: string;
    /** The minimum and maximum number of instances: equal for a dedicated plan. */
    readonly instances: readonly [minimum: number, maximum: number];
    readonly zoneRedundant: boolean;
  };
  /** The resource ids of subnets that exist, by service. The deployment creates the others. */
  readonly existingSubnets: Readonly<Record<string, string | undefined>>;
  /** The resource id of a workspace that exists; null if the deployment creates one. */
  readonly existingWorkspaceId: string | null;
  readonly deployerAddressRanges: readonly string[];
  readonly ingressAddressRanges: readonly string[];
  /** Whether the deployment creates the app registrations, or a directory administrator has prepared them. */
  readonly entra: "Deployed" | "Prepared";
  readonly callerCredential: "managed-identity" | "federated-identity";
  readonly appServiceAuthentication: boolean;
  readonly alertEmailAddresses: readonly string[];
  readonly logDailyCapGigabytes: number;
  /** Tags besides azd's. */
  readonly tags: Readonly<Record<string, string>>;
}
