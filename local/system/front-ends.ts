/** The front ends of all services that others may call. */
import { firstCall } from "@restricted-calls/shared/access-policy";
import { accessRestrictionsOf, readSnapshot } from "../../infra/snapshot.ts";
import { accessPolicy } from "../../tools/access-policy.ts";
import { type AccessRestrictions, parseAccessRestrictions } from "../front-end/access-restrictions.ts";
import { type NetworkRefusal, startFrontEnd } from "../front-end/front-end.ts";
import { networkOf } from "../front-end/networks.ts";
import type { FrontEndEndpoints } from "./endpoints.ts";
import type { Ports } from "./ports.ts";

export interface FrontEnds {
  /** Their addresses, by service. */
  readonly endpoints: Readonly<Record<string, FrontEndEndpoints>>;
  /**
   * The origin at which a caller reaches a callee, from the caller's own network.
   *
   * @throws Error where the access policy does not allow the call
   */
  readonly originFor: (callee: string, caller: string) => string;
  /** The origin at which a service's first caller reaches it; undefined for a service without a front end. */
  readonly addressOf: (callee: string) => string | undefined;
  /**
   * Replaces the access restrictions of a service, from the next request on.
   *
   * @throws Error for a service without a front end
   */
  readonly setRestrictions: (service: string, restrictions: AccessRestrictions) => void;
  stop(): Promise<void>;
}

/** Not the name of a service. */
const THE_INTERNET = "the internet";

/**
 * Starts a front end for each service with callers, with the access restrictions of its committed snapshot.
 *
 * @param appPorts where the apps listen
 * @param ports where the front end of the first such service listens, for its first caller; the others take free ports
 * @param onRefusal gets each call that a front end refuses, and the service that was called
 */
export async function startFrontEnds(
  appPorts: Readonly<Record<string, number>>,
  ports: Pick<Ports, "callerSubnet" | "otherSubnet" | "internet">,
  log: (line: string) => void,
  onRefusal: (callee: string, refusal: NetworkRefusal) => void,
): Promise<FrontEnds> {
  const snapshot = readSnapshot("default");
  const first = firstCall(accessPolicy);
  await using starting = new AsyncDisposableStack();
  const endpoints: Record<string, FrontEndEndpoints> = {};
  const changes: Record<string, (restrictions: AccessRestrictions) => void> = {};
  for (const [callee, policy] of Object.entries(accessPolicy.services)) {
    const callers = Object.keys(policy.callers);
    if (callers.length === 0) continue;
    const started = await startFrontEnd({
      restrictions: parseAccessRestrictions(accessRestrictionsOf(snapshot, callee)),
      targetPort: appPorts[callee] ?? 0,
      networks: {
        ...Object.fromEntries(callers.map((caller) => [caller, networkOf(caller)])),
        // The service's own subnet: no service calls itself.
        [callee]: networkOf(callee),
        [THE_INTERNET]: networkOf(null),
      },
      ports:
        callee === first?.callee
          ? { [first.caller]: ports.callerSubnet, [callee]: ports.otherSubnet, [THE_INTERNET]: ports.internet }
          : {},
      log,
      onRefusal: (refusal) => {
        onRefusal(callee, refusal);
      },
    });
    const frontEnd = starting.adopt(started, (running) => running.stop());
    const { [callee]: otherSubnet = "", [THE_INTERNET]: internet = "", ...from } = frontEnd.origins;
    endpoints[callee] = { from, otherSubnet, internet };
    changes[callee] = (restrictions) => {
      frontEnd.setRestrictions(restrictions);
    };
  }
  const running = starting.move();
  return {
    endpoints,
    originFor: (callee, caller) => {
      const origin = endpoints[callee]?.from[caller];
      if (origin === undefined) throw new Error(`The access policy does not let ${caller} call ${callee}.`);
      return origin;
    },
    addressOf: (callee) => Object.values(endpoints[callee]?.from ?? {})[0],
    setRestrictions: (service, restrictions) => {
      const change = changes[service];
      if (change === undefined) throw new Error(`The access policy lets nobody call ${service}: it has no front end.`);
      change(restrictions);
    },
    stop: () => running.disposeAsync(),
  };
}
