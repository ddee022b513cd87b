/** What the contracts of the services supply for chaos. */
import { calleesOf, type Policy, type ServiceName } from "@restricted-calls/shared/access-policy";
import type { ChaosReceiver, ChaosSender, ServiceChaos } from "@restricted-calls/shared/contract-chaos";
import { accessPolicy } from "../tools/access-policy.ts";
import { contracts } from "../tools/contracts.ts";
import type { Part } from "./plan.ts";

/** The two services of a run: one sends messages, the other receives them. */
export interface Business {
  readonly services: Readonly<Record<Part, ServiceName>>;
  readonly sends: ChaosSender;
  readonly receives: ChaosReceiver;
}

type Supplied = Readonly<Record<string, { readonly chaos?: ServiceChaos } | undefined>>;

/**
 * The first service whose contract has `chaos.sends`, and the first one that it may call whose contract has `chaos.receives`.
 *
 * @throws Error that says what is missing, and in which file
 */
export function businessOf(supplied: Supplied = contracts, policy: Policy = accessPolicy): Business {
  const caller = Object.keys(policy.services).find((service) => supplied[service]?.chaos?.sends !== undefined);
  const sends = supplied[caller ?? ""]?.chaos?.sends;
  if (caller === undefined || sends === undefined) throw missing("no <service>/contract.ts", "sends");
  const callees = calleesOf(policy, caller);
  const callee = callees.find((service) => supplied[service]?.chaos?.receives !== undefined);
  const receives = supplied[callee ?? ""]?.chaos?.receives;
  if (callee === undefined || receives === undefined) {
    throw missing(
      `${caller} sends messages, but of the services that it may call (${callees.join(", ")}), none`,
      "receives",
    );
  }
  return { services: { caller, callee } as Business["services"], sends, receives };
}

function missing(where: string, member: keyof ServiceChaos): Error {
  return new Error(`${where} has "chaos.${member}" in its contract. It is described in shared/contract-chaos.ts.`);
}
