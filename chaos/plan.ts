/** The faults of a run, planned by its seed. */

/** The service that sends the messages, which calls another one, or the service that receives them. */
export type Part = "caller" | "callee";

/** A fault: when it begins, in milliseconds after the start of the run, and how long it lasts. */
export type Fault = { readonly atMs: number; readonly lastsMs: number } & (
  | { readonly kind: "kill"; readonly app: Part; readonly process: 0 | 1 }
  | { readonly kind: "scale-in"; readonly app: Part; readonly process: 0 | 1 }
  | { readonly kind: "entra-down" }
  | { readonly kind: "keys-rotated" }
  | { readonly kind: "network-refused" }
  | {
      readonly kind: "storage";
      readonly of: Part;
      readonly how: StorageFault;
      readonly rate: number;
    }
  | { readonly kind: "callee"; readonly how: CalleeFault; readonly rate: number }
);

/** Refused before the operation; an error after the operation; or no response. */
export type StorageFault = "500" | "503" | "done-500" | "timeout";

/** 429 with `Retry-After`; the response lost after the callee committed; the response late. */
export type CalleeFault = "429" | "lost" | "slow";

/** How many faults of each kind there are. */
export interface Amounts {
  /** The time within which all faults happen. */
  readonly spanMs: number;
  readonly killCallee: number;
  readonly killCaller: number;
  readonly scaleIn: number;
  readonly entraDown: number;
  readonly keysRotated: number;
  readonly networkRefused: number;
  readonly storage: number;
  readonly storageOf: readonly Part[];
  readonly calleeFaults: number;
  /** The longest time that one fault lasts. */
  readonly longestMs: number;
}

/** The faults of `npm run chaos`. */
export const all: Amounts = {
  spanMs: 70_000,
  killCallee: 5,
  killCaller: 4,
  scaleIn: 3,
  entraDown: 2,
  keysRotated: 2,
  networkRefused: 2,
  storage: 6,
  calleeFaults: 6,
  storageOf: ["caller", "callee"],
  longestMs: 5_000,
};

/**
 * The faults of the test. None leaves a message leased, because a lease ends after a minute: no caller is killed, and only
 * the callee's storage fails.
 */
export const brief: Amounts = {
  spanMs: 5_000,
  killCallee: 2,
  killCaller: 0,
  scaleIn: 1,
  entraDown: 1,
  keysRotated: 1,
  networkRefused: 1,
  storage: 1,
  calleeFaults: 3,
  storageOf: ["callee"],
  longestMs: 1_200,
};

/** The same seed gives the same plan. */
export function planFaults(seed: number, amounts: Amounts): readonly Fault[] {
  const random = randomFrom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const time = (): { atMs: number; lastsMs: number } => ({
    atMs: Math.round(random() * (amounts.spanMs - amounts.longestMs)),
    lastsMs: Math.round(amounts.longestMs * (0.3 + 0.7 * random())),
  });
  const times = (count: number, make: (index: number) => Fault): Fault[] =>
    Array.from({ length: count }, (_, i) => make(i));
  const alternating = (i: number): 0 | 1 => (i % 2 === 0 ? 0 : 1);
  const calleeFaults: readonly CalleeFault[] = ["429", "lost", "slow"];
  const storageFaults: readonly StorageFault[] = ["500", "503", "done-500", "timeout"];
  const faults = [
    ...times(amounts.killCallee, (i) => ({ ...time(), kind: "kill", app: "callee", process: alternating(i) })),
    ...times(amounts.killCaller, (i) => ({ ...time(), kind: "kill", app: "caller", process: alternating(i) })),
    ...times(amounts.scaleIn, (i) => ({
      ...time(),
      kind: "scale-in",
      app: "caller",
      process: alternating(i + 1),
    })),
    ...times(amounts.entraDown, () => ({ ...time(), kind: "entra-down" })),
    ...times(amounts.keysRotated, () => ({ ...time(), lastsMs: 0, kind: "keys-rotated" })),
    ...times(amounts.networkRefused, () => ({ ...time(), kind: "network-refused" })),
    ...times(amounts.storage, (i) => ({
      ...time(),
      kind: "storage",
      of: pick(amounts.storageOf),
      how: storageFaults[i % storageFaults.length] ?? "500",
      rate: 0.3 + 0.5 * random(),
    })),
    // The kinds take turns. Which requests a fault affects is random, by its rate.
    ...times(amounts.calleeFaults, (i) => ({
      ...time(),
      kind: "callee",
      how: calleeFaults[i % calleeFaults.length] ?? "429",
      rate: 0.3 + 0.5 * random(),
    })),
  ];
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** Pseudo-random numbers in [0, 1): the same for the same seed (Mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function describeFault(fault: Fault): string {
  const { kind, lastsMs } = fault;
  const seconds = `${(lastsMs / 1000).toFixed(1)} s`;
  switch (kind) {
    case "kill":
      return `${fault.app} ${fault.process + 1} killed, restarted after ${seconds}`;
    case "scale-in":
      return `${fault.app} ${fault.process + 1} stopped as on scale-in, restarted after ${seconds}`;
    case "entra-down":
      return `Entra down for ${seconds}`;
    case "keys-rotated":
      return "signing keys rotated";
    case "network-refused":
      return `the callee's access restrictions refuse every origin for ${seconds}`;
    case "storage":
      return `the ${fault.of}'s storage: ${fault.how} for ${percent(fault.rate)} of the requests, for ${seconds}`;
    case "callee":
      return `the callee's responses: ${fault.how} for ${percent(fault.rate)} of the requests, for ${seconds}`;
  }
}

const percent = (rate: number): string => `${Math.round(rate * 100)} %`;
