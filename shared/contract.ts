/** The type of `<service>/contract.ts`: what tools must know about a service. No app imports it, and no bundle contains it. */
import type { AppRole, ServiceName } from "./access-policy.ts";
import type { ServiceBenches } from "./contract-bench.ts";
import type { ServiceChaos } from "./contract-chaos.ts";

/** The contract of a service of the access policy. A misspelt role does not compile. */
export type ContractOf<Service extends ServiceName> = ServiceContract<AppRole<Service>>;

/**
 * What tools must know about a service: `tools/contracts.ts` finds it, and checks it against the access policy.
 *
 * It states again who may call an operation, apart from the code: the proof compares the two.
 */
export interface ServiceContract<Role extends string = string> {
  /** Every HTTP operation. The proof refuses to start if the app offers one that is not listed. */
  readonly operations: readonly ContractOperation<Role>[];
  /** Commands that `npm start` suggests. `origin` is where the app listens. */
  readonly commands?: (origin: string) => readonly SuggestedCommand[];
  /** What `npm start -- --once` shows of the business. */
  readonly show?: (demo: Demo) => Promise<void>;
  /** The call that must succeed on a deployment. */
  readonly positiveCall?: PositiveCall;
  /** What `npm run chaos` needs: how to submit work, to query its outcome, and to check consistency. */
  readonly chaos?: ServiceChaos;
  /** The service's own benchmarks, for `npm run bench`. */
  readonly bench?: ServiceBenches;
}

/** An HTTP operation, and who may call it. */
export type ContractOperation<Role extends string = string> = {
  /** Unique among all services, in lower case with hyphens. The ids of the proof's calls contain it. */
  readonly id: string;
  /** In capital letters. */
  readonly method: string;
  /** With the prefix of `host.json`, such as `/api/items/{id}`. */
  readonly route: string;
  /**
   * A call that succeeds, by a caller who may make it. The proof makes it many times, also at a running system: it must leave
   * alone what others use. Only an operation with a function key may do without.
   *
   * @param unique a part of an id: never the same for two calls
   */
  readonly sample?: (unique: string) => SampleCall;
  /** The ids of this service's operations whose samples must be called once before this one can succeed. */
  readonly after?: readonly string[];
} & (
  | {
      /** The guard requires an access token with this app role. */
      readonly access: "token";
      readonly role: Role;
    }
  | {
      /** `public`: everyone whom the network admits. `function-key`: of these, everyone who has a function key of the app. */
      readonly access: "public" | "function-key";
    }
);

/** A call of an operation. */
export interface SampleCall {
  /** The operation's route with its parameters filled in. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: object;
  /** The HTTP status of its success. */
  readonly status: number;
}

export interface SuggestedCommand {
  /** What it does, in one line. */
  readonly title: string;
  /** A `curl` command. */
  readonly command: string;
}

/** The means of a demo: a local system that has just started. */
export interface Demo {
  /** Where the service's app listens. */
  readonly origin: string;
  /** Shows what happened, and compares it with the expected text. An error is shown as a failure. */
  readonly show: Show;
  /** The same, but repeats `happens` until its text is the expected one, at most for 15 seconds. */
  readonly showLater: Show;
  readonly stop: (service: ServiceName) => Promise<void>;
  /** @param settings replace some of its app settings until it is stopped */
  readonly start: (service: ServiceName, settings?: Readonly<Record<string, string>>) => Promise<void>;
  /** Runs a timer function of the service now, as an administrator can. */
  readonly runTimer: (name: string) => Promise<void>;
}

export type Show = (title: string, expected: string, happens: () => Promise<string>) => Promise<void>;

/**
 * Work that the deployed service does for its clients, from end to end. Its sample's status is the success; 202 succeeds too, if
 * the work is done later.
 */
export interface PositiveCall {
  /** The id of an operation without a role, which has a sample. */
  readonly operation: string;
  /** Where the outcome can be seen; without it, the response is the outcome. */
  readonly outcome?: {
    /** The id of an operation without a role that responds 200 with the state of the work. */
    readonly operation: string;
    /** @param unique the one that the sample got */
    readonly path: (unique: string) => string;
    /**
     * Reads the body of either operation, parsed.
     *
     * @returns null if it is not about this work
     */
    readonly read: (body: unknown, unique: string) => WorkState | null;
  };
}

export interface WorkState {
  /** In the words of the business. */
  readonly name: string;
  readonly is: "pending" | "done" | "failed";
}
