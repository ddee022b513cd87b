/** The clients: they submit the messages of a run. */
import { setTimeout as delay } from "node:timers/promises";
import type { ChaosMessage } from "@restricted-calls/shared/contract-chaos";
import { randomFrom } from "./plan.ts";

/** The responses that the clients received. */
export interface Clients {
  /** The status of the response that accepted a message, by message id. */
  readonly accepted: ReadonlyMap<string, number>;
  /** The number of responses by status; 0 means no response. */
  readonly responses: ReadonlyMap<number, number>;
}

const CONCURRENT_CLIENTS = 12;
/** A client repeats a message that was not accepted after this time. */
const REPEAT_AFTER_MS = 300;
/** So many messages are sent once. The clients repeat the others until they are accepted. */
const SENT_ONCE_RATE = 0.1;

/** Submits all messages, spread evenly over the time span. */
export async function submitMessages(
  origin: string,
  messages: readonly ChaosMessage[],
  { seed, spanMs }: { readonly seed: number; readonly spanMs: number },
): Promise<Clients> {
  const accepted = new Map<string, number>();
  const responses = new Map<number, number>();
  const random = randomFrom(seed ^ 0x2545f491);
  const began = Date.now();
  const queue = messages.map((message, i) => ({
    message,
    at: (i / messages.length) * spanMs,
    isSentOnce: random() < SENT_ONCE_RATE,
  }));
  const client = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await delay(Math.max(0, began + next.at - Date.now()));
      for (;;) {
        const status = await submit(origin, next.message);
        responses.set(status, (responses.get(status) ?? 0) + 1);
        if (status in next.message.promises) {
          accepted.set(next.message.id, status);
          break;
        }
        if (next.isSentOnce) break;
        await delay(REPEAT_AFTER_MS);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_CLIENTS }, client));
  return { accepted, responses };
}

/** @returns the status of the response; 0 without one */
export async function submit(origin: string, { method, path, body }: ChaosMessage): Promise<number> {
  try {
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(40_000),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}
