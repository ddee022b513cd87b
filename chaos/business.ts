/** What the services supply for chaos: `<service>/chaos.ts`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ChaosReceiver, ChaosSender, ServiceChaos } from "@restricted-calls/shared/contract-chaos";

/** The two services of a run: one sends messages, the other receives them. */
export interface Business {
  readonly sends: ChaosSender;
  readonly receives: ChaosReceiver;
}

/**
 * Loads what caller-func and callee-func supply.
 *
 * @param root the folder that has theirs
 * @throws Error that says what is missing, and in which file
 */
export async function loadBusiness(root = join(import.meta.dirname, "..")): Promise<Business> {
  const { sends } = await chaosOf(root, "caller-func");
  const { receives } = await chaosOf(root, "callee-func");
  if (sends === undefined) throw missing("caller-func", "sends");
  if (receives === undefined) throw missing("callee-func", "receives");
  return { sends, receives };
}

async function chaosOf(root: string, service: string): Promise<ServiceChaos> {
  const file = join(root, service, "chaos.ts");
  if (!existsSync(file)) return {};
  const { chaos } = (await import(pathToFileURL(file).href)) as { readonly chaos?: ServiceChaos };
  return chaos ?? {};
}

function missing(service: string, member: keyof ServiceChaos): Error {
  return new Error(`${service}/chaos.ts exports no "chaos.${member}". It is described in shared/contract-chaos.ts.`);
}
