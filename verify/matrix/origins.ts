import type { NetworkOrigin as Door } from "../../local/doors/doors.ts";
import type { NetworkOrigin } from "../report/report.ts";

/** A network that calls come from. */
export interface Origin extends NetworkOrigin {
  readonly id: Door;
  /** The service whose integration subnet it is; null where it is none. */
  readonly subnetOf: string | null;
}

export const origins: readonly Origin[] = [
  { id: "callerSubnet", title: "the caller's subnet", subnetOf: "caller-func" },
  { id: "otherSubnet", title: "another subnet", subnetOf: "callee-func" },
  { id: "internet", title: "the internet", subnetOf: null },
];
