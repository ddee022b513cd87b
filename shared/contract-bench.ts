/** The member `bench` of a service's contract: benchmarks of a business, for `npm run bench`. */

/**
 * The benchmarks of a service by name, in lower case with hyphens, each the import of a file that exports `bench`. No name is used
 * twice, and the system has some (`npm run bench -- --help`).
 */
export type ServiceBenches = Readonly<Record<string, () => Promise<{ readonly bench: Bench }>>>;

/** A benchmark. Reports its progress line by line. */
export type Bench = (progress: (line: string) => void) => Promise<BenchReport>;

export interface BenchReport {
  readonly title: string;
  /** The statistic of the figures; the median if not given. */
  readonly statistic?: string;
  /** The measured values by name, with their units: "1.2 µs". */
  readonly figures: Readonly<Record<string, string>>;
  readonly ratios: readonly Ratio[];
  /** The versions of the candidates, and what else a reader must know. */
  readonly notes: readonly string[];
  /** What the picture of the page shows of it. */
  readonly pictured?: readonly Comparison[];
}

/** The durations of one thing: ours, and those it is compared with. */
export interface Comparison {
  readonly title: string;
  readonly ours: Compared;
  readonly others: readonly Compared[];
}

export interface Compared {
  readonly name: string;
  /** As a table of the report has it: "1.2 µs". */
  readonly figure: string;
  readonly nanoseconds: number;
}

/** A comparison within one run. Unlike absolute figures, it can be compared between machines. */
export interface Ratio {
  readonly name: string;
  readonly value: number;
  /** The limit. A ratio without a limit is only reported. */
  readonly atMost?: number;
  readonly atLeast?: number;
}
