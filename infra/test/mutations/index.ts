import { accessMutations } from "./access.ts";
import type { Mutation } from "./change.ts";
import { monitoringMutations } from "./monitoring.ts";
import { networkMutations } from "./network.ts";
import { planMutations } from "./plans.ts";
import { siteMutations } from "./sites.ts";
import { storageMutations } from "./storage.ts";

/** At least one for each invariant, and one for each way of breaking it that matters most. */
export const mutations: readonly Mutation[] = [
  ...planMutations,
  ...networkMutations,
  ...storageMutations,
  ...siteMutations,
  ...accessMutations,
  ...monitoringMutations,
];
