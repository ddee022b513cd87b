/** Reads the log of the probe, which infra/probe.sh prints. It is data of a container: only exact lines of this run count. */

/** What one call showed. */
export type Line =
  /** `address`: what `x-ms-forbidden-ip` named; "" if it is no address, null without this header. */
  | { readonly kind: "response"; readonly status: number; readonly address: string | null }
  /** Entra ID issued no token: an AADSTS code. */
  | { readonly kind: "no-token"; readonly code: string }
  /** Entra ID issued a token. The log does not contain it. */
  | { readonly kind: "token" }
  /** No response: the exit code of curl. */
  | { readonly kind: "failed"; readonly exitCode: number };

const RESULT =
  /^(?<number>\d{1,6}) (?:(?<status>[1-5]\d\d) (?:at-(?<address>[0-9A-Fa-f:.]{0,45}))?|(?<code>AADSTS\d{1,10})|(?<token>token)|failed (?<exitCode>\d{1,3}))$/;

/**
 * @param run the id of this run, with which each line begins
 * @returns the results, by the number of the call. A number with two different results has none
 */
export function readLog(log: string, run: string): ReadonlyMap<number, Line> {
  const texts = new Map<number, Set<string>>();
  for (const line of log.split(/\r?\n/)) {
    const text = line.startsWith(`${run} `) ? line.slice(run.length + 1) : "";
    const number = RESULT.exec(text)?.groups?.["number"];
    if (number === undefined) continue;
    texts.set(Number(number), (texts.get(Number(number)) ?? new Set()).add(text));
  }
  return new Map(
    [...texts].flatMap(([number, same]) => {
      const [text = "", ...others] = same;
      return others.length > 0 ? [] : [[number, lineOf(text)] as const];
    }),
  );
}

/** Whether the script came to its end. */
export function isComplete(log: string, run: string): boolean {
  return log.split(/\r?\n/).includes(`${run} end`);
}

function lineOf(text: string): Line {
  const { status, address, code, token, exitCode } = RESULT.exec(text)?.groups ?? {};
  if (status !== undefined) return { kind: "response", status: Number(status), address: address ?? null };
  if (code !== undefined) return { kind: "no-token", code };
  if (token !== undefined) return { kind: "token" };
  return { kind: "failed", exitCode: Number(exitCode) };
}
