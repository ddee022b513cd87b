import type { ServiceOptions } from "../../tools/access-policy.ts";
import type { Snapshot } from "../snapshot.ts";

/** A rule that every deployment keeps, and its check against an evaluated template. */
export interface Invariant {
  /** The rule, as a sentence about the deployed system. */
  readonly name: string;
  readonly check: Check;
}

/** @returns each violation: what was found where, and what was expected; empty when there is none */
export type Check = (snapshot: Snapshot, expected: Expected) => string[];

export function invariant(name: string, check: Check): Invariant {
  return { name, check };
}

/** What a snapshot is checked against. */
export interface Expected {
  /** Who may call whom: the access policy, or one like it. */
  readonly policy: AccessPolicy;
  /** What only one service needs, by service. */
  readonly serviceOptions: Readonly<Record<string, ServiceOptions | undefined>>;
  /** The values of the template's parameters that an invariant is about. */
  readonly parameters: Parameters;
}

export interface AccessPolicy {
  readonly services: Readonly<Record<string, ServicePolicy>>;
}

export interface ServicePolicy {
  /** The service's fixed place in the address space. */
  readonly subnet: number;
  readonly roles: Readonly<Record<string, { readonly id: string }>>;
  readonly callers: Readonly<Record<string, readonly string[]>>;
}

/** As in main.bicep. */
export interface Parameters {
  readonly plan: {
    readonly kind: "ElasticPremium" | "Dedicated";
    readonly sku: string;
    /** Instances at least, and at most: the same for a dedicated plan. */
    readonly instances: readonly [minimum: number, maximum: number];
    readonly zoneRedundant: boolean;
  };
  readonly deployerAddressRanges: readonly string[];
  readonly ingressAddressRanges: readonly string[];
  /** Where the app registrations come from. */
  readonly entra: "Deployed" | "Prepared";
  readonly callerCredential: "managed-identity" | "federated-identity";
  readonly appServiceAuthentication: boolean;
  readonly alertEmailAddresses: readonly string[];
  readonly logDailyCapGigabytes: number;
  /** Tags besides azd's. */
  readonly tags: Readonly<Record<string, string>>;
}
