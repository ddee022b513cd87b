/** One of several things that are compared: does its work `times` times. */
export type Candidate = (times: number) => void | Promise<void>;

/** How long one candidate takes, in nanoseconds per operation: the median of its rounds. */
export type Medians<Name extends string> = Readonly<Record<Name, number>>;

export interface MeasureOptions {
  /** Rounds in which every candidate has its turn, in changing order: the machine's moods meet all of them alike. */
  readonly rounds: number;
  /** A candidate's turn lasts about this long, in milliseconds. */
  readonly turnMs: number;
}

/** Measures candidates side by side in this process, after a warm-up. */
export async function measure<Name extends string>(
  candidates: Readonly<Record<Name, Candidate>>,
  { rounds, turnMs }: MeasureOptions,
): Promise<Medians<Name>> {
  const names = Object.keys(candidates) as Name[];
  const times = new Map<Name, number>();
  for (const name of names) times.set(name, await timesPerTurn(candidates[name], turnMs));

  const results = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const count = times.get(name) ?? 1;
      results.get(name)?.push((await durationOf(candidates[name], count)) / count);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(results.get(name) ?? [])])) as Medians<Name>;
}

/**
 * For what takes as long as it takes, and longer where the machine does something else meanwhile: nearer to the truth
 * than the median where it does.
 */
export function lowerQuartile(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 4)] ?? NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** Warms a candidate up, and finds how often it fits into a turn. */
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

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
