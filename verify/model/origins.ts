import type { NetworkOrigin as Door } from "../../local/index.ts";
import type { NetworkOrigin, Policy } from "./report.ts";

/** A network that calls come from. */
export interface Origin extends NetworkOrigin {
  /** The service whose integration subnet it is; null where it is none. */
  readonly subnetOf: string | null;
  /** Which of the three addresses that every front end has; null for the subnet of a further caller. */
  readonly frontEnd: Door | null;
}

/** The caller whose subnet every front end knows as `callerSubnet`. */
const FIRST_CALLER = "caller-func";

/** The networks that a service is called from: the subnet of each caller of the policy, another one, and the internet. */
export function originsOf({ services }: Policy, called: string): Origin[] {
  const callers = Object.keys(services[called]?.callers ?? {});
  const subnetTitle = (caller: string): string => (callers.length === 1 ? "the caller's subnet" : `${caller}'s subnet`);
  return [
    ...callers.map((caller): Origin => {
      const isFirst = caller === FIRST_CALLER;
      return {
        id: isFirst ? "callerSubnet" : `${caller}-subnet`,
        title: subnetTitle(caller),
        subnetOf: caller,
        frontEnd: isFirst ? "callerSubnet" : null,
      };
    }),
    // Its own: no service calls itself.
    { id: "otherSubnet", title: "another subnet", subnetOf: called, frontEnd: "otherSubnet" },
    { id: "internet", title: "the internet", subnetOf: null, frontEnd: "internet" },
  ];
}
