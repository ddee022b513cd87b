/** Finds a free address range for the subnet of the probe. */
import { firstAddress, parseAddressRange } from "../../../tools/address-ranges.ts";

/** The addresses of a /28. The smallest subnet that is recommended for container groups. */
const SIZE = 16;

interface Bounds {
  readonly first: number;
  readonly last: number;
}

/**
 * The last free /28 of an address space: subnets of services begin at its first addresses.
 *
 * @param addressSpace the ranges of the virtual network, in CIDR notation
 * @param taken the ranges of its subnets
 * @returns undefined if there is none
 * @throws Error for a text that is no range
 */
export function freeRange(addressSpace: readonly string[], taken: readonly string[]): string | undefined {
  const used = taken.flatMap(boundsOf);
  for (const space of addressSpace.flatMap(boundsOf)) {
    let first = space.last + 1 - SIZE;
    while (first >= space.first) {
      const start = first;
      const other = used.find((range) => range.first <= start + SIZE - 1 && range.last >= start);
      if (other === undefined) return `${address(first)}/28`;
      first = Math.floor(other.first / SIZE) * SIZE - SIZE;
    }
  }
  return undefined;
}

/** Container groups have no IPv6 addresses: https://learn.microsoft.com/azure/container-instances/container-instances-virtual-network-concepts */
function boundsOf(text: string): Bounds[] {
  const range = parseAddressRange(text);
  if (range === undefined) throw new Error(`The virtual network has '${text}', which is no address range.`);
  if (range.family === "ipv6") return [];
  const first = firstAddress(range)
    .split(".")
    .reduce((number, byte) => number * 256 + Number(byte), 0);
  return [{ first, last: first + 2 ** (32 - range.prefix) - 1 }];
}

function address(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
