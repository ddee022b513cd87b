/** The networks that the matrix calls from. */
import { callerNames, type Policy } from "@restricted-calls/shared/access-policy";
import type { NetworkOrigin } from "./report.ts";

export interface Origin extends NetworkOrigin {
  /** The service or external caller that calls from this network; null for another network. */
  readonly callerOf: string | null;
}

/** The network of each caller of a service, another subnet, and the internet. */
export function originsOf(policy: Policy, called: string): Origin[] {
  const { services } = policy;
  const all = Object.values(services).flatMap(({ callers }) => Object.keys(callers));
  const isOnly = new Set(all).size === 1;
  const [firstCaller] = callerNames(policy);
  return [
    ...Object.keys(services[called]?.callers ?? {}).map((caller): Origin => {
      const network = policy.externalCallers?.[caller]?.addressRanges === undefined ? "subnet" : "addresses";
      const id = caller === firstCaller ? "callerSubnet" : `${caller}-${network}`;
      return { id, title: isOnly ? `the caller's ${network}` : `${caller}'s ${network}`, callerOf: caller };
    }),
    // The service's own subnet: no service calls itself.
    { id: "otherSubnet", title: "another subnet", callerOf: called },
    { id: "internet", title: "the internet", callerOf: null },
  ];
}

/** The networks that the calls of several services come from, for a report. */
export function allOriginsOf(policy: Policy, services: readonly string[]): NetworkOrigin[] {
  const all = services.flatMap((service) => originsOf(policy, service));
  const outside = ["otherSubnet", "internet"];
  const inOrder = [...all.filter(({ id }) => !outside.includes(id)), ...all.filter(({ id }) => outside.includes(id))];
  return [...new Map(inOrder.map(({ id, title }) => [id, { id, title }])).values()];
}
