/** The networks that requests can come from. */
import { readSnapshot, resources } from "../../infra/snapshot.ts";
import { accessPolicy } from "../../tools/access-policy.ts";
import type { NetworkSource } from "./access-restrictions.ts";

const [network] = resources(readSnapshot("default"), "Microsoft.Network/virtualNetworks");

const INTERNET: NetworkSource = { address: "203.0.113.10" }; // RFC 5737: for documentation

/**
 * A network that requests come from.
 *
 * @param service the service with this integration subnet, whether or not a rule names it; null for the internet
 */
export function networkOf(service: string | null): NetworkSource {
  return service === null ? INTERNET : subnetOf(service);
}

/** The integration subnet of a service. */
export function subnetOf(service: string): Required<NetworkSource> {
  const place = accessPolicy.services[service]?.subnet ?? 0;
  return {
    vnetSubnetResourceId: `${network?.id ?? ""}/subnets/${service}`,
    address: `fd00::a00:${(place * 256 + 4).toString(16)}`,
  };
}
