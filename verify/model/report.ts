/** The report of a verification, the content of `report.json`. It contains no token, secret or key. */
import type { Policy } from "@restricted-calls/shared/access-policy";

/** `report.schema.json` describes it. `report.html` shows it, and nothing else. */
export interface Report {
  readonly $schema: string;
  /** Rises when a reader of the old form would misread the new one. */
  readonly formatVersion: 1;
  readonly target: Target;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationSeconds: number;
  /** The commit of the checkout; null if it is not a git checkout. */
  readonly commit: Commit | null;
  /** Of Node, packages and compiler, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** The filter of `--only`; null for everything. */
  readonly only: string | null;
  /** Who may call whom. */
  readonly policy: Policy;
  readonly origins: readonly NetworkOrigin[];
  readonly callers: readonly CallerKind[];
  readonly operations: readonly Operation[];
  /** Real calls, each with its expected outcome. */
  readonly cells: readonly Cell[];
  /** Comparisons of the deployed configuration with the template; empty for the local system. */
  readonly checks: readonly Check[];
  readonly status: Status;
}

/** `$schema` of a report. The schema is written beside it, so that no network is needed. */
export const REPORT_SCHEMA = "./report.schema.json";

/**
 * `failed`: at least one cell or check differs. `incomplete`: nothing differs, and something could not be checked or
 * was filtered out. `passed`: everything was checked and is as expected.
 */
export type Status = "passed" | "failed" | "incomplete";

export interface Commit {
  readonly id: string;
  /** Whether files were changed since. */
  readonly changed: boolean;
}

export type Target =
  | LocalTarget
  | {
      readonly kind: "deployment";
      readonly environment: string;
      readonly subscriptionId: string;
      readonly resourceGroup: string;
      readonly tenantId: string;
      /** Verified with `--read-only`. Absent: with everything. */
      readonly readOnly?: true;
    };

/** Started for this verification, or already running with the code of its start. */
export type LocalTarget =
  | { readonly kind: "local"; readonly system: "own" }
  | {
      readonly kind: "local";
      readonly system: "running";
      /** The checkout's commit at the start of the system; null if it was no git checkout. */
      readonly commit: Commit | null;
    };

export interface NetworkOrigin {
  readonly id: string;
  readonly title: string;
}

export interface CallerKind {
  readonly id: string;
  readonly title: string;
  /** Its difference from the other callers, for a reviewer. */
  readonly description: string;
}

export interface Operation {
  readonly id: string;
  readonly service: string;
  readonly method: string;
  /** The route, such as `/api/items/{id}`. */
  readonly route: string;
  /** The required app role; null for an operation without one. */
  readonly role: string | null;
  /** `host`: the Functions host answers, before any function. Absent: a function answers. */
  readonly by?: "host";
}

/** The layers that were on during the call. */
export type Layers = (typeof LAYERS_IN_ORDER)[number];

export const LAYERS_IN_ORDER = ["both", "application-only", "network-only"] as const;

/** A call of the matrix. */
export interface Cell {
  /**
   * Unique and stable from run to run: `{layers}/{operation}/{origin}/{caller}`, or
   * `{layers}/attack/{origin}/{attack}`, with `attack-{service}` for further services with roles. What `--only` and the threat model refer to.
   */
  readonly id: string;
  readonly layers: Layers;
  readonly operation: string;
  readonly origin: string;
  /** A kind of caller or an attack of the catalogue; the other is null. */
  readonly caller: string | null;
  readonly attack: string | null;
  readonly expected: Outcome;
  /** Null if the call was not made, or had no response. */
  readonly actual: Outcome | null;
  readonly result: "as-expected" | "different" | "not-checked";
  /** Why it was not checked, or a remark for the reader. */
  readonly note: string | null;
  /** Not checked because `--read-only` leaves it out. Absent: any other reason. */
  readonly leftOut?: true;
  /** Refused with both layers on, and successful with one off: only that layer stops it. */
  readonly heldByOneLayer: boolean;
  /** Requests and responses without tokens; empty if nothing was sent. */
  readonly exchanges: readonly Exchange[];
}

export interface Outcome {
  /**
   * `nobody`: the call reached the operation. `host`: the Functions host refused it, before any function.
   * `identity-provider`: Entra ID issued no token for it.
   */
  readonly refusedBy: "nobody" | "network" | "application" | "host" | "identity-provider";
  /** The HTTP status; null if no call was made. */
  readonly status: number | null;
  /** The code of a problem document, or an AADSTS code. */
  readonly code: string | null;
}

export interface Exchange {
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    /** The token without its signature; null without a readable token. */
    readonly token: { readonly header: unknown; readonly claims: unknown } | null;
    readonly body: string | null;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  } | null;
}

/** A check of the deployed configuration. */
export interface Check {
  /** Unique and stable: `{area}/{service or resource}/{what}`. */
  readonly id: string;
  readonly title: string;
  /** The resource, by its id or address. */
  readonly resource: string;
  readonly result: "as-expected" | "finding" | "not-checked";
  readonly expected: string;
  /** Null if it could not be read. */
  readonly found: string | null;
  /** The risk of another value. */
  readonly why: string;
  /** The command that fixes a finding. */
  readonly fix: string | null;
  /** Why it was not checked, such as a missing permission. */
  readonly note: string | null;
  /** Not checked because `--read-only` leaves it out. Absent: any other reason. */
  readonly leftOut?: true;
}
