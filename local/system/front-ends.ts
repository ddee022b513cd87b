import { accessRestrictionsOf, readSnapshot } from "../../infra/snapshot.ts";
import { accessPolicy } from "../../tools/access-policy.ts";
import { parseAccessRestrictions } from "../front-end/access-restrictions.ts";
import { type FrontEnd, type FrontEndOptions, startFrontEnd } from "../front-end/front-end.ts";

/** The front ends of all services that others may call. */
export interface FrontEnds {
  /** The front end of callee-func, whose addresses are in `endpoints.json`. */
  readonly calleeFrontEnd: FrontEnd;
  /**
   * The origin at which a caller of the access policy reaches a callee: from its own integration subnet.
   *
   * @throws Error where the policy names no such call
   */
  readonly wayTo: (callee: string, caller: string) => string;
  /** The origin at which a service's first caller reaches it; undefined where nobody may call it, so it has no front end. */
  readonly addressOf: (callee: string) => string | undefined;
  stop(): Promise<void>;
}

/**
 * Opens them. Each goes by its service's access restrictions in the committed snapshot of the templates.
 *
 * @param appPorts where the apps listen behind them
 * @param ports where callee-func's front end listens; the others take free ports
 */
export async function openFrontEnds(
  appPorts: Readonly<Record<string, number>>,
  ports: FrontEndOptions["ports"] & object,
  log: (line: string) => void,
): Promise<FrontEnds> {
  const snapshot = readSnapshot("default");
  const opened = new Map<string, FrontEnd>();
  const ways = new Map<string, string>();
  const stop = async (): Promise<void> => {
    await Promise.all([...opened.values()].map((frontEnd) => frontEnd.stop()));
  };
  try {
    for (const [callee, { callers }] of Object.entries(accessPolicy.services)) {
      if (callee !== "callee-func" && Object.keys(callers).length === 0) continue;
      const restrictions = parseAccessRestrictions(accessRestrictionsOf(snapshot, callee));
      const frontEnd = await startFrontEnd({
        ...{ restrictions, targetPort: appPorts[callee] ?? 0, log },
        ports: callee === "callee-func" ? ports : {},
      });
      opened.set(callee, frontEnd);
      for (const caller of Object.keys(callers)) {
        ways.set(
          `${caller} ${callee}`,
          caller === "caller-func" ? frontEnd.callerSubnet : await frontEnd.openFor(caller),
        );
      }
    }
    const frontEnd = opened.get("callee-func");
    if (frontEnd === undefined) throw new Error("The access policy has no callee-func.");
    return {
      calleeFrontEnd: frontEnd,
      wayTo: (callee, caller) => {
        const way = ways.get(`${caller} ${callee}`);
        if (way === undefined) throw new Error(`The access policy does not let ${caller} call ${callee}.`);
        return way;
      },
      addressOf: (callee) =>
        callee === "callee-func" ? frontEnd.callerSubnet : [...ways].find(([key]) => key.endsWith(` ${callee}`))?.[1],
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
