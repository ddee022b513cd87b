/** The networks that the matrix calls from. */
import type { NetworkOrigin as FrontEndOrigin } from "../../local/index.ts";
import type { NetworkOrigin, Policy } from "./report.ts";

export interface Origin extends NetworkOrigin {
  /** The service with this integration subnet; null for another network. */
  readonly subnetOf: string | null;
  /** One of the three addresses of every front end; null for the subnet of a further caller. */
  readonly frontEnd: FrontEndOrigin | null;
}

/** `callerSubnet` of every front end is the subnet of this caller. */
const FIRST_CALLER = "caller-func";

/** The subnet of each caller of the policy, another subnet, and the internet. */
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
    // The service's own subnet: no service calls itself.
    { id: "otherSubnet", title: "another subnet", subnetOf: called, frontEnd: "otherSubnet" },
    { id: "internet", title: "the internet", subnetOf: null, frontEnd: "internet" },
  ];
}
