/** What the contracts of the services supply for chaos. */
import type { ChaosReceiver, ChaosSender, ServiceChaos } from "@restricted-calls/shared/contract-chaos";
import { contracts } from "../tools/contracts.ts";

/** The two services of a run: one sends messages, the other receives them. */
export interface Business {
  readonly sends: ChaosSender;
  readonly receives: ChaosReceiver;
}

/**
 * What caller-func and callee-func supply.
 *
 * @throws Error that says what is missing, and in which file
 */
export function businessOf(
  supplied: Readonly<Record<string, { readonly chaos?: ServiceChaos } | undefined>> = contracts,
): Business {
  const sends = supplied["caller-func"]?.chaos?.sends;
  const receives = supplied["callee-func"]?.chaos?.receives;
  if (sends === undefined) throw missing("caller-func", "sends");
  if (receives === undefined) throw missing("callee-func", "receives");
  return { sends, receives };
}

function missing(service: string, member: keyof ServiceChaos): Error {
  return new Error(`${service}/contract.ts has no "chaos.${member}". It is described in shared/contract-chaos.ts.`);
}
