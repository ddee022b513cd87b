import { accessPromises } from "./access.ts";
import { monitoringPromises } from "./monitoring.ts";
import { networkPromises } from "./network.ts";
import { planPromises } from "./plans.ts";
import type { Expected, Promised } from "./promise.ts";
import { sitePromises } from "./sites.ts";
import { storagePromises } from "./storage.ts";
import type { Snapshot } from "../snapshot.ts";

export type { Expected, Parameters, Promised } from "./promise.ts";

/** Everything that the infrastructure promises. */
export const promises: readonly Promised[] = [
  ...planPromises,
  ...networkPromises,
  ...storagePromises,
  ...sitePromises,
  ...accessPromises,
  ...monitoringPromises,
];

/** The promises that a snapshot breaks, by name, each with how. */
export function broken(snapshot: Snapshot, expected: Expected): Record<string, string[]> {
  const results = promises.map(({ name, check }) => [name, check(snapshot, expected)] as const);
  return Object.fromEntries(results.filter(([, violations]) => violations.length > 0));
}
