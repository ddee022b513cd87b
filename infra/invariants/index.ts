/** All invariants of the infrastructure, and the check of a snapshot against them. */
import { accessInvariants } from "./access.ts";
import { monitoringInvariants } from "./monitoring.ts";
import { networkInvariants } from "./network.ts";
import { planInvariants } from "./plans.ts";
import type { Expected, Invariant } from "./invariant.ts";
import { siteInvariants } from "./sites.ts";
import { storageInvariants } from "./storage.ts";
import type { Snapshot } from "../snapshot.ts";

export type { Expected, Parameters, Invariant } from "./invariant.ts";

export const invariants: readonly Invariant[] = [
  ...planInvariants,
  ...networkInvariants,
  ...storageInvariants,
  ...siteInvariants,
  ...accessInvariants,
  ...monitoringInvariants,
];

/** The violations of the invariants that a snapshot breaks, by name. */
export function broken(snapshot: Snapshot, expected: Expected): Record<string, string[]> {
  const results = invariants.map(({ name, check }) => [name, check(snapshot, expected)] as const);
  return Object.fromEntries(results.filter(([, violations]) => violations.length > 0));
}
