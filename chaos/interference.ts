import type { IncomingMessage } from "node:http";
import type { Interference } from "./faulty-proxy.ts";
import { type Fault, randomFrom } from "./plan.ts";

/** The faults that are under way, and what they do to requests. */
export interface InterferenceOf {
  readonly active: Set<Fault>;
  /** How many requests each fault has hit, by its name. */
  readonly hits: ReadonlyMap<string, number>;
  /** For a request to the callee. */
  callee(): Interference;
  /** For a request to storage. */
  storage(request: IncomingMessage): Interference;
}

/** Longer than the service client waits for an answer, in milliseconds. */
const SLOW_MS = 7_000;

const none: Interference = { kind: "none" };

export function createInterference(seed: number): InterferenceOf {
  const active = new Set<Fault>();
  const hits = new Map<string, number>();
  const random = randomFrom(seed);
  const hit = (name: string, interference: Interference): Interference => {
    hits.set(name, (hits.get(name) ?? 0) + 1);
    return interference;
  };
  return {
    active,
    hits,
    callee() {
      for (const fault of active) {
        if (fault.kind !== "callee" || random() >= fault.rate) continue;
        const retryAfter = { "Retry-After": "1" };
        if (fault.how === "429") return hit("callee 429", { kind: "refuse", status: 429, headers: retryAfter });
        if (fault.how === "lost") return hit("callee's answer lost", { kind: "lose" });
        return hit("callee slow", { kind: "delay", by: SLOW_MS });
      }
      return none;
    },
    storage({ url = "" }) {
      for (const fault of active) {
        if (fault.kind !== "storage" || !url.startsWith(`/${fault.account}`) || random() >= fault.rate) continue;
        const name = `storage ${fault.how}`;
        if (fault.how === "timeout") return hit(name, { kind: "swallow" });
        if (fault.how === "done-500") return hit(name, { kind: "spoil", status: 500 });
        return hit(name, { kind: "refuse", status: Number(fault.how) });
      }
      return none;
    },
  };
}
