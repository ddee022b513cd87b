/** host.json of a staged app. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LOG_LEVELS, type LogLevel } from "./worker/protocol.ts";

/** The settings in host.json that the embedded host applies. */
export interface HostJson {
  /** Without slashes at the ends; empty when there is none. */
  readonly routePrefix: string;
  /** Infinity: unlimited, the default of a Premium plan. */
  readonly maxOutstandingRequests: number;
  /** Infinity for "-1". */
  readonly functionTimeoutMs: number;
  /** The lowest level that is logged, by log category or its beginning. */
  readonly logLevels: Readonly<Record<string, LogLevel>>;
  /** One sentence for each setting that this host ignores. */
  readonly warnings: readonly string[];
}

interface HostJsonFile {
  readonly version?: unknown;
  readonly functionTimeout?: unknown;
  readonly extensionBundle?: unknown;
  readonly extensions?: { readonly http?: Readonly<Record<string, unknown>> };
  readonly logging?: { readonly logLevel?: Readonly<Record<string, unknown>> };
}

const DEFAULT_TIMEOUT = "00:30:00";

/**
 * Reads `host.json` of a staged app (https://learn.microsoft.com/azure/azure-functions/functions-host-json).
 *
 * @throws Error that names the file, the property and the expected value
 */
export function readHostJson(appFolder: string): HostJson {
  const path = join(appFolder, "host.json");
  const file = parse(path);
  const fail = (property: string, expected: string, found: unknown): never => {
    throw new Error(`${path}: "${property}" must be ${expected}, but is ${JSON.stringify(found)}`);
  };
  if (file.version !== "2.0") fail("version", `"2.0"`, file.version);
  const { routePrefix = "api", maxOutstandingRequests = -1, ...otherHttp } = file.extensions?.http ?? {};
  if (typeof routePrefix !== "string") return fail("extensions.http.routePrefix", "a string", routePrefix);
  if (typeof maxOutstandingRequests !== "number" || !Number.isInteger(maxOutstandingRequests)) {
    return fail("extensions.http.maxOutstandingRequests", "a whole number", maxOutstandingRequests);
  }
  const timeout = file.functionTimeout ?? DEFAULT_TIMEOUT;
  const functionTimeoutMs =
    timeout === "-1" ? Infinity : typeof timeout === "string" ? parseTimeSpan(timeout) : undefined;
  if (functionTimeoutMs === undefined || functionTimeoutMs < 1_000) {
    return fail("functionTimeout", `"hh:mm:ss" of at least one second, or "-1"`, timeout);
  }
  const logLevels = Object.entries(file.logging?.logLevel ?? {}).map(([category, value]) => {
    const level = LOG_LEVELS.find((known) => known === String(value).toLowerCase());
    return [category, level ?? fail(`logging.logLevel.${category}`, `one of ${LOG_LEVELS.join(", ")}`, value)] as const;
  });

  return {
    routePrefix: routePrefix.replace(/^\/+|\/+$/g, ""),
    maxOutstandingRequests: maxOutstandingRequests > 0 ? maxOutstandingRequests : Infinity,
    functionTimeoutMs,
    logLevels: Object.fromEntries(logLevels),
    warnings: [
      ...(file.extensionBundle === undefined
        ? []
        : ["extensionBundle is ignored: this host has HTTP and timer triggers only"]),
      ...Object.keys(otherHttp).map((name) => `extensions.http.${name} is ignored by this host`),
    ].map((warning) => `host.json: ${warning}.`),
  };
}

function parse(path: string): HostJsonFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path} cannot be read: is this the folder of a staged Functions app?`, { cause: error });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${String(error)}`, { cause: error });
  }
  throw new Error(`${path} must hold a JSON object`);
}

/** Reads "[d.]hh:mm:ss[.fff]". Returns milliseconds, or undefined when the text is no TimeSpan. */
export function parseTimeSpan(text: string): number | undefined {
  const match = /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d{1,7})?)?$/.exec(text);
  if (match === null) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0, fraction = 0] = match
    .slice(1)
    .map((part: string | undefined) => Number(part ?? 0));
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds + fraction) * 1000;
}
