/** The front ends of all services that others may call. */
import { accessRestrictionsOf, readSnapshot } from "../../infra/snapshot.ts";
import { accessPolicy } from "../../tools/access-policy.ts";
import { parseAccessRestrictions } from "../front-end/access-restrictions.ts";
import { type FrontEnd, type FrontEndOptions, startFrontEnd } from "../front-end/front-end.ts";

export interface FrontEnds {
  /** The front end of callee-func, whose addresses are in `endpoints.json`. */
  readonly calleeFrontEnd: FrontEnd;
  /**
   * The origin at which a caller reaches a callee, from the caller's own integration subnet.
   *
   * @throws Error where the access policy does not allow the call
   */
  readonly originFor: (callee: string, caller: string) => string;
  /** The origin at which a service's first caller reaches it; undefined for a service without a front end. */
  readonly addressOf: (callee: string) => string | undefined;
  stop(): Promise<void>;
}

/**
 * Starts a front end for each service with callers, with the access restrictions of its committed snapshot.
 *
 * @param appPorts where the apps listen
 * @param ports where callee-func's front end listens; the others take free ports
 */
export async function startFrontEnds(
  appPorts: Readonly<Record<string, number>>,
  ports: FrontEndOptions["ports"] & object,
  log: (line: string) => void,
): Promise<FrontEnds> {
  const snapshot = readSnapshot("default");
  await using starting = new AsyncDisposableStack();
  let calleeFrontEnd: FrontEnd | undefined;
  const origins = new Map<string, string>();
  for (const [callee, { callers }] of Object.entries(accessPolicy.services)) {
    if (callee !== "callee-func" && Object.keys(callers).length === 0) continue;
    const restrictions = parseAccessRestrictions(accessRestrictionsOf(snapshot, callee));
    const frontEnd = starting.adopt(
      await startFrontEnd({
        ...{ restrictions, targetPort: appPorts[callee] ?? 0, log },
        ports: callee === "callee-func" ? ports : {},
      }),
      (started) => started.stop(),
    );
    if (callee === "callee-func") calleeFrontEnd = frontEnd;
    for (const caller of Object.keys(callers)) {
      const origin = caller === "caller-func" ? frontEnd.callerSubnet : await frontEnd.openFor(caller);
      origins.set(`${caller} ${callee}`, origin);
    }
  }
  if (calleeFrontEnd === undefined) throw new Error("The access policy has no callee-func.");
  const { callerSubnet } = calleeFrontEnd;
  const running = starting.move();
  return {
    calleeFrontEnd,
    originFor: (callee, caller) => {
      const origin = origins.get(`${caller} ${callee}`);
      if (origin === undefined) throw new Error(`The access policy does not let ${caller} call ${callee}.`);
      return origin;
    },
    addressOf: (callee) =>
      callee === "callee-func" ? callerSubnet : [...origins].find(([key]) => key.endsWith(` ${callee}`))?.[1],
    stop: () => running.disposeAsync(),
  };
}
