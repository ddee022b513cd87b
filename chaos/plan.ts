/** Something that goes wrong, from `at` for `lasts` milliseconds after the beginning. */
export type Fault = { readonly at: number; readonly lasts: number } & (
  | { readonly kind: "kill"; readonly app: "caller-func" | "callee-func"; readonly process: 0 | 1 }
  | { readonly kind: "scale-in"; readonly app: "caller-func"; readonly process: 0 | 1 }
  | { readonly kind: "entra-down" }
  | { readonly kind: "keys-rotated" }
  | { readonly kind: "door-closed" }
  | {
      readonly kind: "storage";
      readonly account: "callerdata" | "calleedata";
      readonly how: StorageFault;
      readonly rate: number;
    }
  | { readonly kind: "callee"; readonly how: CalleeFault; readonly rate: number }
);

/** Refused before anything was done; done and answered with an error; or no answer at all. */
export type StorageFault = "500" | "503" | "done-500" | "timeout";

/** 429 with `Retry-After`; the answer lost after the callee committed; the answer late. */
export type CalleeFault = "429" | "lost" | "slow";

/** How much of each goes wrong. */
export interface Amounts {
  /** During which it happens, in milliseconds. */
  readonly span: number;
  readonly killCallee: number;
  readonly killCaller: number;
  readonly scaleIn: number;
  readonly entraDown: number;
  readonly keysRotated: number;
  readonly doorClosed: number;
  readonly storage: number;
  readonly storageAccounts: readonly ("callerdata" | "calleedata")[];
  readonly calleeFaults: number;
  /** The longest that one thing lasts, in milliseconds. */
  readonly longest: number;
}

/** What a whole run goes through. */
export const all: Amounts = {
  span: 70_000,
  killCallee: 5,
  killCaller: 4,
  scaleIn: 3,
  entraDown: 2,
  keysRotated: 2,
  doorClosed: 2,
  storage: 6,
  calleeFaults: 6,
  storageAccounts: ["callerdata", "calleedata"],
  longest: 5_000,
};

/**
 * For the tests: what leaves no order leased by nobody, which would be taken up after a minute only. So no caller is killed
 * here, and storage fails the callee only.
 */
export const brief: Amounts = {
  span: 5_000,
  killCallee: 2,
  killCaller: 0,
  scaleIn: 1,
  entraDown: 1,
  keysRotated: 1,
  doorClosed: 1,
  storage: 1,
  calleeFaults: 3,
  storageAccounts: ["calleedata"],
  longest: 1_200,
};

/** The same seed gives the same plan. */
export function planFaults(seed: number, amounts: Amounts): readonly Fault[] {
  const random = randomFrom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const time = (): { at: number; lasts: number } => ({
    at: Math.round(random() * (amounts.span - amounts.longest)),
    lasts: Math.round(amounts.longest * (0.3 + 0.7 * random())),
  });
  const times = (count: number, make: (index: number) => Fault): Fault[] =>
    Array.from({ length: count }, (_, i) => make(i));
  const alternating = (i: number): 0 | 1 => (i % 2 === 0 ? 0 : 1);
  const calleeFaults: readonly CalleeFault[] = ["429", "lost", "slow"];
  const storageFaults: readonly StorageFault[] = ["500", "503", "done-500", "timeout"];
  const faults = [
    ...times(amounts.killCallee, (i) => ({ ...time(), kind: "kill", app: "callee-func", process: alternating(i) })),
    ...times(amounts.killCaller, (i) => ({ ...time(), kind: "kill", app: "caller-func", process: alternating(i) })),
    ...times(amounts.scaleIn, (i) => ({
      ...time(),
      kind: "scale-in",
      app: "caller-func",
      process: alternating(i + 1),
    })),
    ...times(amounts.entraDown, () => ({ ...time(), kind: "entra-down" })),
    ...times(amounts.keysRotated, () => ({ ...time(), lasts: 0, kind: "keys-rotated" })),
    ...times(amounts.doorClosed, () => ({ ...time(), kind: "door-closed" })),
    ...times(amounts.storage, (i) => ({
      ...time(),
      kind: "storage",
      account: pick(amounts.storageAccounts),
      how: storageFaults[i % storageFaults.length] ?? "500",
      rate: 0.3 + 0.5 * random(),
    })),
    // Each kind has its turn; which requests a fault hits is left to chance, by its rate.
    ...times(amounts.calleeFaults, (i) => ({
      ...time(),
      kind: "callee",
      how: calleeFaults[i % calleeFaults.length] ?? "429",
      rate: 0.3 + 0.5 * random(),
    })),
  ];
  return faults.sort((a, b) => a.at - b.at);
}

/** Numbers in [0, 1), the same ones for the same seed (Mulberry32). */
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
  const { kind, lasts } = fault;
  const seconds = `${(lasts / 1000).toFixed(1)} s`;
  switch (kind) {
    case "kill":
      return `${fault.app} ${fault.process + 1} killed, started again after ${seconds}`;
    case "scale-in":
      return `${fault.app} ${fault.process + 1} stopped in an orderly way, started again after ${seconds}`;
    case "entra-down":
      return `Entra down for ${seconds}`;
    case "keys-rotated":
      return "signing keys rotated";
    case "door-closed":
      return `the door closed for ${seconds}`;
    case "storage":
      return `storage of ${fault.account}: ${fault.how} to ${percent(fault.rate)} for ${seconds}`;
    case "callee":
      return `the callee's answers: ${fault.how} for ${percent(fault.rate)}, ${seconds} long`;
  }
}

const percent = (rate: number): string => `${Math.round(rate * 100)} %`;
