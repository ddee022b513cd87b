/** What a source plans and observes. `verify.ts` runs the plan and assembles the report. */
import type { Cell, Check, Exchange, Outcome, Report } from "./report.ts";

/** A call of the plan, with its expected outcome. */
export type Call = Pick<Cell, "id" | "layers" | "operation" | "origin" | "caller" | "attack" | "expected">;

export interface PlannedCall extends Call {
  readonly make: () => Promise<Observation>;
}

/** What a call shows. */
export interface Observation {
  /** Null without a response, and where no call was made: the note says why. */
  readonly actual: Outcome | null;
  readonly exchanges: readonly Exchange[];
  readonly note: string | null;
  /** True: the call differs, whatever its outcome. The note says why. */
  readonly different?: boolean;
  /** True: it was not made because the options of the run leave it out. */
  readonly leftOut?: true;
  /** Replaces the plan's expected outcome where it depends on the caller's address or on the response. */
  readonly expected?: Outcome;
}

export interface PlannedCheck {
  readonly id: string;
  run(): Promise<Check>;
}

/** The local system or a deployment: plans calls and checks, and makes them. */
export interface Source {
  readonly calls: readonly PlannedCall[];
  readonly checks: readonly PlannedCheck[];
  /** The number of calls made at the same time. */
  readonly concurrency: number;
  /** Starts what the calls need. @param wanted those that are made */
  start(wanted: readonly PlannedCall[]): Promise<void>;
  /** What the report says about the source, after the calls. */
  describe(cells: readonly Cell[]): Promise<Description>;
  /** Stops what `start` started. */
  stop(): Promise<void>;
}

export type Description = Pick<Report, "target" | "policy" | "origins" | "callers" | "operations">;
