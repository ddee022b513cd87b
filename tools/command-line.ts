/**
 * The common behaviour of this repository's commands: a valid access policy, `--help`, one line for an error, and exit codes.
 * 0: done; 1: failed, and the message says why; 2: the arguments, the access policy or the service options are wrong, and
 * nothing was done; 128 + n: ended by signal n (Ctrl-C: 130).
 */
import { constants } from "node:os";
import { parseArgs, type ParseArgsConfig } from "node:util";

/** The arguments are wrong: the command prints the message and ends with 2. */
export class UsageError extends Error {}

interface CommandConfig extends ParseArgsConfig {
  /** The value of an option that takes one and is given without, by the option's name. */
  readonly bareValues?: Readonly<Record<string, string>>;
  /** Whether the command must not run with mistakes in the access policy or the service options; true if not given. */
  readonly needsPolicy?: boolean;
}

/** What a command does with its parsed arguments. Returns the exit code; none means 0. */
type Run<C extends CommandConfig> = (
  parsed: ReturnType<typeof parseArgs<C>>,
) => Promise<number | undefined> | number | undefined;

/** Runs the command with the arguments of this process, and sets the exit code: see `runCommand`. */
export async function command<const C extends CommandConfig>(usage: string, config: C, run: Run<C>): Promise<void> {
  endWithOutput();
  process.exitCode = await runCommand(process.argv.slice(2), usage, config, run);
}

/**
 * Parses the arguments and runs the command.
 *
 * @param usage what `--help` prints
 * @param config as for `parseArgs` of node:util; `--help` is added
 * @returns the exit code: what `run` returns; 1 after an error and 2 after a UsageError, whose message is printed
 */
export async function runCommand<const C extends CommandConfig>(
  argv: readonly string[],
  usage: string,
  config: C,
  run: Run<C>,
): Promise<number> {
  try {
    const options = { ...config.options, help: { type: "boolean", short: "h" } } as const;
    const parsed = parse({ ...config, options, args: withBareValues(argv, config.bareValues ?? {}) });
    if (parsed.values["help"] === true) {
      console.log(usage.trimEnd());
      return 0;
    }
    // Ends the process if the access policy or the service options have mistakes.
    if (config.needsPolicy !== false) await import("./access-policy.ts");
    return (await run(parsed as ReturnType<typeof parseArgs<C>>)) ?? 0;
  } catch (error) {
    console.error(reasonOf(error));
    return error instanceof UsageError ? 2 : 1;
  }
}

/**
 * The message of an error, and in brackets the one of its cause: only the cause of a failed `fetch` says why it failed.
 * A UsageError is printed without its cause, which is Node's longer text about the same mistake.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error.message || error.name;
  if (error instanceof UsageError) return message;
  // Node could not connect to any address of a host: the error has no message, but one error for each address.
  if (error instanceof AggregateError) return [error.message, ...error.errors.map(reasonOf)].filter(Boolean).join("; ");
  if (!(error.cause instanceof Error)) return message;
  const cause = reasonOf(error.cause);
  return message.includes(cause) ? message : `${message} (${cause})`;
}

/** `stopSignal` replaces this: a closed pipe then counts as a request to end. */
let whenPipeCloses = (exitCode: number): void => process.exit(exitCode);

/**
 * Ends this process without a message when the reader of its output has ended (`npm start | head`), with the exit code of
 * SIGPIPE, which Node ignores. Any other failure to write (`> file` on a full disk) is an error.
 */
export function endWithOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") whenPipeCloses(128 + 13);
      else {
        if (stream === process.stdout) console.error(`The output cannot be written: ${error.message}`);
        process.exit(1);
      }
    });
  }
}

/** @throws UsageError unless the text is a whole number from the least to the most */
export function wholeNumber(option: string, text: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  const range = most === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${most}`;
  throw new UsageError(`${option} must be a whole number${range}, but is "${text}". --help shows the usage.`);
}

export interface StopSignal {
  /** Resolves at the first Ctrl-C or request to end, to its exit code. The second one ends the process at once. */
  readonly first: Promise<number>;
  readonly signal: AbortSignal;
}

/** Waits for a Ctrl-C, another request to end this process, or the end of the reader of its output. */
export function stopSignal(): StopSignal {
  const controller = new AbortController();
  const first = new Promise<number>((resolve) => {
    whenPipeCloses = (exitCode) => {
      resolve(exitCode);
      controller.abort();
    };
    let firstAt: number | undefined;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        const exitCode = 128 + constants.signals[signal];
        firstAt ??= Date.now();
        resolve(exitCode);
        controller.abort();
        // One Ctrl-C arrives several times: from the terminal, and from npm and the launcher, which pass it on.
        if (Date.now() - firstAt > 1000) process.exit(exitCode);
      });
    }
  });
  return { first, signal: controller.signal };
}

function parse(config: ParseArgsConfig): ReturnType<typeof parseArgs> {
  try {
    return parseArgs(config);
  } catch (error) {
    // The first sentence of Node's message names the mistake. The rest explains values that begin with a dash.
    const [what = ""] = (error as Error).message.split(/\.\s/);
    throw new UsageError(`${what.replace(/\.$/, "")}. --help shows the usage.`, { cause: error });
  }
}

function withBareValues(args: readonly string[], bareValues: Readonly<Record<string, string>>): string[] {
  return args.map((argument) => {
    const value = argument.startsWith("--") ? bareValues[argument.slice(2)] : undefined;
    return value === undefined ? argument : `${argument}=${value}`;
  });
}
