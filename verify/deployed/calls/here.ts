import { isInRanges, readForbiddenAddress } from "../../../tools/address-ranges.ts";
import { exchange } from "../../model/exchange.ts";
import type { Scene } from "../view.ts";

/** Where the verification runs: the public address that the platform sees its calls come from. */
export interface Here {
  /** Null where nothing refused it, and so nothing told. */
  readonly address: string | null;
  /** Whether one of the ranges, in CIDR notation, has the address. */
  isWithin(ranges: readonly string[]): boolean;
}

/**
 * Finds out this machine's address by being refused: App Service's front end says in `x-ms-forbidden-ip` which it saw.
 * Sites that should refuse everybody come first.
 */
export async function findHere({ services }: Scene, scmUrl: (url: string) => string, patience: number): Promise<Here> {
  const apis = [...services].sort((one, other) => Number(other.api !== null) - Number(one.api !== null));
  for (const url of [...apis.map((service) => service.url), ...apis.map((service) => scmUrl(service.url))]) {
    try {
      const { headers } = await exchange(url, { method: "GET", signal: AbortSignal.timeout(patience) });
      const address = readForbiddenAddress(headers["x-ms-forbidden-ip"]);
      if (address !== undefined) return { address, isWithin: (ranges) => isInRanges(address, ranges) };
    } catch {
      continue; // A site that does not answer tells nothing; its own calls report it.
    }
  }
  return { address: null, isWithin: () => false };
}
