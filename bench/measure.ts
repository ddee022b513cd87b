/** Measures candidates side by side. */

/** One of the compared candidates: does its work `times` times. */
export type Candidate = (times: number) => void | Promise<void>;

/** Nanoseconds per operation of each candidate: the lower quartile of its rounds. */
export type Durations<Name extends string> = Readonly<Record<Name, number>>;

export interface MeasureOptions {
  /** In each round every candidate has one turn, in random order, so that other load on the machine affects all of them. */
  readonly rounds: number;
  /** The approximate duration of a turn. */
  readonly turnMs: number;
}

/** Rounds that do not count: V8 optimizes code that has run for a while. */
const WARM_UP_ROUNDS = 10;

/** Measures candidates side by side in this process, after a warm-up. */
export async function measure<Name extends string>(
  candidates: Readonly<Record<Name, Candidate>>,
  { rounds, turnMs }: MeasureOptions,
): Promise<Durations<Name>> {
  const names = Object.keys(candidates) as Name[];
  const times = new Map<Name, number>();
  for (const name of names) times.set(name, await timesPerTurn(candidates[name], turnMs));

  const results = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const count = times.get(name) ?? 1;
      const took = (await durationOf(candidates[name], count)) / count;
      if (round >= 0) results.get(name)?.push(took);
    }
  }
  return Object.fromEntries(names.map((name) => [name, lowerQuartile(results.get(name) ?? [])])) as Durations<Name>;
}

/** For durations that other load on the machine only prolongs: on a busy machine, it varies less than the median. */
export function lowerQuartile(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 4)] ?? NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** How often a candidate runs in one turn. */
async function timesPerTurn(candidate: Candidate, turnMs: number): Promise<number> {
  let times = 1;
  for (;;) {
    const ns = await durationOf(candidate, times);
    if (ns >= turnMs * 1e6) return Math.max(1, Math.round((times * turnMs * 1e6) / ns));
    times *= 2;
  }
}

async function durationOf(candidate: Candidate, times: number): Promise<number> {
  const began = process.hrtime.bigint();
  await candidate(times);
  return Number(process.hrtime.bigint() - began);
}

export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
