/**
 * What a verification saw. `report.json` is this, by `report.schema.json`; `report.html` is drawn from it and from
 * nothing else. No token, secret or key is in it anywhere.
 */
export interface Report {
  readonly $schema: string;
  /** Rises when a reader of the old form would misread the new one. */
  readonly formatVersion: 1;
  readonly target: Target;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationSeconds: number;
  /** The commit of the checkout that verified, and whether files were changed since; null where it is not a git checkout. */
  readonly commit: Commit | null;
  /** What took part, by name: Node, packages, compiler. */
  readonly versions: Readonly<Record<string, string>>;
  /** The filter of `--only`; null where everything was verified. */
  readonly only: string | null;
  /** Who may call whom, as the access policy says. */
  readonly policy: Policy;
  readonly origins: readonly NetworkOrigin[];
  readonly callers: readonly CallerKind[];
  readonly operations: readonly Operation[];
  /** Real calls, each with what was expected of it. */
  readonly cells: readonly Cell[];
  /** The configuration as deployed, held against the template; empty for the local system. */
  readonly checks: readonly Check[];
  readonly verdict: Verdict;
}

/** `$schema` of a report: the schema is written beside it, so that it is found without a network. */
export const REPORT_SCHEMA = "./report.schema.json";

/**
 * `failed`: at least one cell or check differs. `incomplete`: nothing differs, and something could not be checked or
 * was filtered out. `passed`: everything was checked and is as expected.
 */
export type Verdict = "passed" | "failed" | "incomplete";

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
    };

/** Started for this verification, from the checkout; or running already, from this checkout as it was at that start. */
export type LocalTarget =
  | { readonly kind: "local"; readonly system: "own" }
  | {
      readonly kind: "local";
      readonly system: "running";
      /** The checkout's commit when the system was started; null where it was no git checkout. */
      readonly commit: Commit | null;
    };

export interface Policy {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly subnet: number;
        readonly roles: Readonly<Record<string, { readonly id: string; readonly description: string }>>;
        readonly callers: Readonly<Record<string, readonly string[]>>;
      }
    >
  >;
}

/** A network that calls come from. */
export interface NetworkOrigin {
  readonly id: string;
  readonly title: string;
}

/** A kind of caller: who it is, and what it has for a token. */
export interface CallerKind {
  readonly id: string;
  readonly title: string;
  /** What is special about it, in a sentence for a reviewer. */
  readonly description: string;
}

export interface Operation {
  readonly id: string;
  readonly service: string;
  readonly method: string;
  /** The route, such as `/api/inventory/{sku}`. */
  readonly route: string;
  /** The app role that it needs; null for an operation that anybody who gets that far may use. */
  readonly role: string | null;
  /** `host`: the Functions host answers itself, before any function. Absent: a function does. */
  readonly by?: "host";
}

/** Which layers were switched on when the call was made. */
export type Layers = "both" | "network-only" | "application-only";

/** One real call. */
export interface Cell {
  /**
   * Unique and stable from run to run: `{layers}/{operation}/{origin}/{caller}`, or
   * `{layers}/attack/{origin}/{attack}`. What `--only` and the threat model refer to.
   */
  readonly id: string;
  readonly layers: Layers;
  readonly operation: string;
  readonly origin: string;
  /** A kind of caller, or else an attack of the attack catalogue. */
  readonly caller: string | null;
  readonly attack: string | null;
  readonly expected: Outcome;
  /** Null where the call was not made. */
  readonly actual: Outcome | null;
  readonly result: "as-expected" | "different" | "not-checked";
  /** Why it was not checked, or what a reader should know; null for nothing. */
  readonly note: string | null;
  /** It is refused with both layers on, and lets the call through with this one off: the other layer alone stopped it. */
  readonly heldByOneLayer: boolean;
  /** What went over the wire, tokens redacted; empty where nothing was sent. */
  readonly exchanges: readonly Exchange[];
}

/** How a call ends: who decided, and how. */
export interface Outcome {
  /**
   * `nobody`: the call was let through to the operation. `host`: the Functions host refused it, before any function.
   * `identity-provider`: Entra ID issued no token for it.
   */
  readonly refusedBy: "nobody" | "network" | "application" | "host" | "identity-provider";
  /** The HTTP status; null where no call got that far. */
  readonly status: number | null;
  /** A problem document's stable code, or an AADSTS code; null where there is none. */
  readonly code: string | null;
}

export interface Exchange {
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    /** What the token says, without its signature; null where there is no token that can be read. */
    readonly token: { readonly header: unknown; readonly claims: unknown } | null;
    readonly body: string | null;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  } | null;
}

/** One thing about the deployed configuration. */
export interface Check {
  /** Unique and stable: `{area}/{service or resource}/{what}`. */
  readonly id: string;
  readonly title: string;
  /** The resource, by its id or address. */
  readonly resource: string;
  readonly result: "as-expected" | "finding" | "not-checked";
  readonly expected: string;
  /** Null where it could not be seen. */
  readonly found: string | null;
  /** What goes wrong where it is otherwise. */
  readonly why: string;
  /** The command that mends it; null where there is nothing to mend. */
  readonly mend: string | null;
  /** Why it was not checked, and what permission is missing; null otherwise. */
  readonly note: string | null;
}
