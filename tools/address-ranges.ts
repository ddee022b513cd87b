/** IP address ranges in CIDR notation: parse, compare, contain. */
import { BlockList, isIP, type IPVersion } from "node:net";

/** A range of IP addresses in CIDR notation (RFC 4632, RFC 4291 section 2.3). */
export interface AddressRange {
  readonly network: string;
  /** The number of leading bits that all addresses of the range share. */
  readonly prefix: number;
  readonly family: IPVersion;
}

/** @returns undefined if the text is not `address/prefix` without spaces, the form that access restrictions require */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [, network = "", length = ""] = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const prefix = Number(length);
  const family = familyOf(network);
  if (family === undefined || prefix > (family === "ipv4" ? 32 : 128)) return undefined;
  return { network, prefix, family };
}

/** The first address of an IPv4 range. Does not compute the one of an IPv6 range: returns the address before the slash. */
export function firstAddress({ network, prefix, family }: AddressRange): string {
  if (family === "ipv6") return network;
  const address = network.split(".").reduce((number, byte) => number * 256 + Number(byte), 0);
  const first = address - (address % 2 ** (32 - prefix));
  return [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join(".");
}

/**
 * What is wrong with a range that a rule is to let in, to follow "contains" or "found"; undefined if nothing is. Does not check the
 * first address of an IPv6 range.
 */
export function rangeMistake(text: string): string | undefined {
  const range = parseAddressRange(text);
  if (range === undefined) return `'${text}', which is no address range: an address, a slash and a prefix length`;
  const { network, prefix, family } = range;
  if (prefix < SHORTEST_PREFIX[family]) return `${text}, which is too large`;
  const first = firstAddress(range);
  if (first === network) return undefined;
  return `${text}, whose address is not the first of the range. Use ${first}/${prefix}, or ${network}/32 for the one address`;
}

/** A range with a shorter prefix contains addresses of many owners. */
const SHORTEST_PREFIX = { ipv4: 8, ipv6: 16 };

/**
 * Whether a range, in which {@link rangeMistake} finds nothing wrong, has public addresses only. Of IPv6, global unicast addresses
 * are (RFC 4291, section 2.4): all calls through service endpoints come from `fd00::/8`.
 */
export function isPublic(range: AddressRange): boolean {
  if (range.family === "ipv6") return isInRanges(range.network, ["2000::/3"]);
  return !NOT_PUBLIC.some((other) => overlap(range, other));
}

/** https://www.iana.org/assignments/iana-ipv4-special-registry */
const NOT_PUBLIC = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"],
  ...["172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"],
  // Azure's own: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
  "168.63.129.16/32",
].flatMap((text) => parseAddressRange(text) ?? []);

/** Whether two ranges overlap: one of them then contains the other. */
export function overlap(one: AddressRange, other: AddressRange): boolean {
  const [first, second] = [one, other].map(({ network, prefix }) => `${network}/${prefix}`) as [string, string];
  return isInRanges(one.network, [second]) || isInRanges(other.network, [first]);
}

/** Whether all addresses of the other range are in this one; not so if one of the texts is no range. */
export function contains(range = "", other = ""): boolean {
  const [outer, inner] = [parseAddressRange(range), parseAddressRange(other)];
  return (
    outer !== undefined && inner !== undefined && outer.prefix <= inner.prefix && isInRanges(inner.network, [range])
  );
}

/** Whether one of the ranges contains the address. An IPv4 range contains no IPv6 address, and an IPv6 range no IPv4 address. */
export function isInRanges(address: string, ranges: readonly string[]): boolean {
  const family = familyOf(address);
  if (family === undefined) return false;
  const block = new BlockList();
  for (const text of ranges) {
    const range = parseAddressRange(text);
    // A BlockList also compares IPv4 with IPv6, by IPv4-mapped addresses.
    if (range?.family === family) block.addSubnet(range.network, range.prefix, family);
  }
  return block.check(address, family);
}

/** The range that contains one address only. */
export function rangeOf(address: string): string {
  return `${address}/${familyOf(address) === "ipv4" ? 32 : 128}`;
}

/** @returns the address in the header `x-ms-forbidden-ip`, which puts IPv6 into brackets; undefined if there is none */
export function readForbiddenAddress(header: string | null | undefined): string | undefined {
  const address = header?.replace(/^\[(.*)\]$/, "$1") ?? "";
  return familyOf(address) === undefined ? undefined : address;
}

function familyOf(address: string): IPVersion | undefined {
  const version = isIP(address);
  if (version === 0) return undefined;
  return version === 4 ? "ipv4" : "ipv6";
}
