/** The member `chaos` of a service's contract: what a business supplies for `npm run chaos`. */

/**
 * What a service supplies for `npm run chaos`. Two processes of a service that sends messages and two of one that receives
 * them run while faults happen.
 */
export interface ServiceChaos<Content = unknown, Found = unknown> {
  readonly sends?: ChaosSender<Content>;
  readonly receives?: ChaosReceiver<Content, Found>;
}

/** A service that takes work over HTTP and has it done by another service, once. */
export interface ChaosSender<Content = unknown> {
  /**
   * Settings of a run, by service. They replace the service's own.
   *
   * @param count the number of messages
   */
  settings?(count: number): Readonly<Record<string, Readonly<Record<string, string>>>>;
  /**
   * The messages of a run, each with an id of its own. For a good run, some of them end refused, for each reason that there is.
   *
   * @param random a number in [0, 1); in the same run again, the same numbers
   */
  messages(count: number, random: () => number): readonly ChaosMessage<Content>[];
  /** A message that must end done, also after those of `messages`. Its status must soon promise so. */
  afterwards(index: number): ChaosMessage<Content>;
  /**
   * All messages that the service has.
   *
   * @param get requests a path until the response is 200, and returns the parsed body
   */
  outcomes(get: (path: string) => Promise<unknown>): Promise<readonly ChaosOutcome<Content>[]>;
}

/** A message, and the request that submits it. It is repeated until it is accepted, and must then change nothing. */
export interface ChaosMessage<Content = unknown> {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** Sent as JSON. */
  readonly body: object;
  /** What must be kept, and must be delivered. */
  readonly content: Content;
  /** The statuses that accept it, and how it ends then; pending promises either end. */
  readonly promises: Readonly<Record<number, "done" | "refused" | "pending">>;
  /** How it must end, if this is known before. */
  readonly ends?: "done" | "refused";
}

/** A message as the service that sends it shows it. */
export interface ChaosOutcome<Content = unknown> {
  readonly id: string;
  readonly content: Content;
  readonly state: "pending" | "done" | "refused" | "stuck";
  /** Why it was refused. */
  readonly reason?: string | undefined;
  readonly attempts: number;
  /** Why attempts failed, and how often. */
  readonly history?: readonly { readonly what: string; readonly times: number }[] | undefined;
}

/** A service in which messages have effects. */
export interface ChaosReceiver<Content = unknown, Found = unknown> {
  /** Reads the effects, after the last fault. */
  read(service: ReceivingService): Promise<Found>;
  /**
   * Compares the effects with the messages: each message that is done must have its effect once, and no other has one.
   *
   * @param done the messages that are done
   * @param settings those of the run
   * @returns each violation in one line
   */
  failures(
    done: readonly Pick<ChaosOutcome<Content>, "id" | "content">[],
    found: Found,
    settings: Readonly<Record<string, string>>,
  ): readonly string[];
}

/** How to read what a service holds. */
export interface ReceivingService {
  /** The settings of the run. */
  readonly settings: Readonly<Record<string, string>>;
  /** Requests a path as the sender, until the response is 200, and returns the parsed body. */
  readonly get: (path: string) => Promise<unknown>;
  /** All rows of a table of the service. */
  readonly rows: (table: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;
}
