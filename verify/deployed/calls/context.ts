/** What the calls of a deployment share: who calls from where, and how a call is made and described. */
import type { TokenCredential } from "@azure/identity";
import { isInRanges, readForbiddenAddress } from "../../../tools/address-ranges.ts";
import { exchange, type Request as HttpRequest } from "../../model/exchange.ts";
import { observedIn } from "../../model/outcomes.ts";
import type { Observation, PlannedCall } from "../../model/plan.ts";
import type { Operation, Outcome } from "../../model/report.ts";
import { failureOf } from "../azure/api.ts";
import type { DeploymentView, ServiceView } from "../view.ts";

export interface CallContext {
  readonly view: DeploymentView;
  readonly credential: TokenCredential;
  readonly here: () => Promise<Here>;
  /** The origin of the SCM site of the site at an origin. */
  readonly scmUrl: (url: string) => string;
  readonly timeoutMs: number;
}

/** This machine, as the platform sees it. */
export interface Here {
  /** Its public address; null if no site refused it. */
  readonly address: string | null;
  /** Whether one of the ranges, in CIDR notation, contains the address. */
  readonly isWithin: (ranges: readonly string[]) => boolean;
}

/**
 * Finds this machine's public address: App Service's front end returns it in `x-ms-forbidden-ip` when it refuses a call. Asks
 * first the sites that should refuse everybody.
 */
export async function findHere(
  services: readonly ServiceView[],
  { scmUrl, timeoutMs }: Pick<CallContext, "scmUrl" | "timeoutMs">,
): Promise<Here> {
  const sites = services.toSorted((one, other) => Number(other.api !== null) - Number(one.api !== null));
  for (const url of [...sites.map((service) => service.url), ...sites.map((service) => scmUrl(service.url))]) {
    try {
      const { headers } = await exchange(url, { method: "GET", timeoutMs });
      const address = readForbiddenAddress(headers["x-ms-forbidden-ip"]);
      if (address !== undefined) return { address, isWithin: (ranges) => isInRanges(address, ranges) };
    } catch {
      continue; // The calls of a site that does not respond report it.
    }
  }
  return { address: null, isWithin: () => false };
}

export const UNKNOWN_ADDRESS = "No site refused this machine, so its public address is not known.";

export const BY_NETWORK: Outcome = { refusedBy: "network", status: 403, code: null };

/** A call of an operation. In a deployment, both layers are on. */
export function plannedCall(
  operation: string,
  origin: string,
  caller: string,
  expected: Outcome,
  make: () => Promise<Observation>,
): PlannedCall {
  const id = `both/${operation}/${origin}/${caller}`;
  return { id, layers: "both", operation, origin, caller, attack: null, expected, make };
}

export interface Request extends HttpRequest {
  readonly url: string;
  /** `host`: the Functions host answers the path. */
  readonly by?: Operation["by"];
}

/** Makes a call. Without a response, nobody knows who would have refused it: the call was not made. */
export async function send({ url, by, ...request }: Request): Promise<Observation & { readonly body: string }> {
  try {
    const response = await exchange(url, request);
    return { ...observedIn(response, by), body: response.body };
  } catch (error) {
    return { ...notMade(`No response: ${failureOf(error)}.`), body: "" };
  }
}

export function notMade(note: string): Observation {
  return { actual: null, note, exchanges: [] };
}
