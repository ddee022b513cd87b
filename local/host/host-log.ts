/** The log of the embedded host. */
import { LOG_LEVELS, type LogLevel } from "./worker/protocol.ts";

export type Log = (level: LogLevel, category: string, message: string) => void;

/**
 * Makes a log with the levels of host.json's `logging.logLevel`: the longest entry that a category begins with applies, else
 * `default`. Of host and worker, it writes warnings and errors only. It writes a message line by line.
 */
export function createLog(levels: Readonly<Record<string, LogLevel>>, write: (line: string) => void): Log {
  return (level, category, message) => {
    const isOfTheApp = /^(?:Function|Host\.Function)\./.test(category);
    const least = isOfTheApp ? leastLevel(levels, category) : "warning";
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)) return;
    const mark = level === "information" ? "" : `[${level}] `;
    for (const line of message.trimEnd().split(/\r?\n/)) write(mark + line);
  };
}

function leastLevel(levels: Readonly<Record<string, LogLevel>>, category: string): LogLevel {
  const [key] = Object.keys(levels)
    .filter((prefix) => category === prefix || category.startsWith(`${prefix}.`))
    .sort((one, other) => other.length - one.length);
  return levels[key ?? "default"] ?? "information";
}
