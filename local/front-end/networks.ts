/** The networks that requests can come from. */
import { readSnapshot, resources } from "../../infra/snapshot.ts";
import type { ExternalCaller, Policy } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { firstAddress, isInRanges, parseAddressRange } from "../../tools/address-ranges.ts";
import type { NetworkSource } from "./access-restrictions.ts";

const [network] = resources(readSnapshot("default"), "Microsoft.Network/virtualNetworks");

const { externalCallers = {} }: Policy = accessPolicy;
const external = Object.entries(externalCallers);

/** An address of no external caller. RFC 5737: for documentation. */
const INTERNET = ["203.0.113.10", "198.51.100.10", "192.0.2.10"].find(
  (address) => !external.some(([, { addressRanges = [] }]) => isInRanges(address, addressRanges)),
);

/**
 * A network that requests come from.
 *
 * @param caller the service or external caller that calls from it, whether or not a rule names it; null for the internet
 * @throws Error for the internet, if external callers have all its addresses here
 */
export function networkOf(caller: string | null): NetworkSource {
  if (caller !== null) {
    const place = external.findIndex(([name]) => name === caller);
    const [, found] = external[place] ?? [];
    return found === undefined ? subnetOf(caller) : networkOfExternal(found, place);
  }
  if (INTERNET !== undefined) return { address: INTERNET };
  throw new Error(
    "External callers in shared/access-policy.json have all documentation addresses of RFC 5737: use others.",
  );
}

function networkOfExternal({ subnet, addressRanges = [] }: ExternalCaller, place: number): NetworkSource {
  if (subnet !== undefined) return { vnetSubnetResourceId: subnet, address: fromSubnet("ac10", place) };
  const [range] = addressRanges.flatMap((text) => parseAddressRange(text) ?? []);
  return { address: range === undefined ? "" : firstAddress(range) };
}

/** The integration subnet of a service. */
export function subnetOf(service: string): Required<NetworkSource> {
  const place = accessPolicy.services[service]?.subnet ?? 0;
  return {
    vnetSubnetResourceId: `${network?.id ?? ""}/subnets/${service}`,
    address: fromSubnet("a00", place),
  };
}

/** The fourth address of a subnet: the first that Azure gives away. @param network the first half of its addresses */
function fromSubnet(network: string, place: number): string {
  return `fd00::${network}:${(place * 256 + 4).toString(16)}`;
}
