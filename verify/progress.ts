/** Shows the progress of a verification on a terminal. */
import type { WriteStream } from "node:tty";
import { stripVTControlCharacters, styleText } from "node:util";

export interface Progress {
  /** Sets the number of steps. */
  total(n: number): void;
  /** Counts one step. */
  step(title: string): void;
  note(line: string): void;
  end(): void;
}

const BAR_WIDTH = 24;
/** The number of lines without a terminal. */
const PLAIN_LINES = 4;

/** Redraws one line on a terminal. Elsewhere prints a few plain lines. */
export function terminalProgress(
  stream: Pick<WriteStream, "write"> & Partial<Pick<WriteStream, "isTTY" | "columns">>,
): Progress {
  const isTerminal = stream.isTTY === true;
  let all = 0;
  let done = 0;
  const clear = (): void => {
    if (isTerminal) stream.write("\r\u001b[K");
  };
  return {
    total(n) {
      all = n;
      done = 0;
    },
    step(title) {
      done++;
      if (isTerminal) stream.write(`\r\u001b[K${line(title, stream.columns ?? 80)}`);
      else if (done === all || done % Math.ceil(all / PLAIN_LINES) === 0) stream.write(`${done} of ${all}\n`);
    },
    note(text) {
      clear();
      stream.write(`${text}\n`);
    },
    end: clear,
  };

  function line(title: string, columns: number): string {
    const filled = all === 0 ? 0 : Math.min(BAR_WIDTH, Math.round((done / all) * BAR_WIDTH));
    const count = ` ${done}/${all} `;
    const room = Math.max(0, columns - BAR_WIDTH - count.length - 1);
    const bar = styleText("green", "#".repeat(filled)) + "-".repeat(BAR_WIDTH - filled);
    return `${bar}${count}${stripVTControlCharacters(title).slice(0, room)}`;
  }
}
