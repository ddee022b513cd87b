import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LOG_LEVELS, type LogLevel } from "./worker/protocol.ts";
import { parseTimeSpan } from "./timers/schedule.ts";

/** What the embedded host takes from host.json. */
export interface HostJson {
  /** Without slashes at the ends; empty when there is none. */
  readonly routePrefix: string;
  /** Infinity: unlimited, the default of a Premium plan. */
  readonly maxOutstandingRequests: number;
  /** Milliseconds; Infinity for "-1". */
  readonly functionTimeout: number;
  /** Lowest level that is shown, by log category or its beginning. */
  readonly logLevels: Readonly<Record<string, LogLevel>>;
  /** What the file asks for and this host does not do, as sentences. */
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
 * @throws Error naming the file, the property and what was expected
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
  const functionTimeout =
    timeout === "-1" ? Infinity : typeof timeout === "string" ? parseTimeSpan(timeout) : undefined;
  if (functionTimeout === undefined || functionTimeout < 1_000) {
    return fail("functionTimeout", `"hh:mm:ss" of at least one second, or "-1"`, timeout);
  }
  const logLevels = Object.entries(file.logging?.logLevel ?? {}).map(([category, value]) => {
    const level = LOG_LEVELS.find((known) => known === String(value).toLowerCase());
    return [category, level ?? fail(`logging.logLevel.${category}`, `one of ${LOG_LEVELS.join(", ")}`, value)] as const;
  });

  return {
    routePrefix: routePrefix.replace(/^\/+|\/+$/g, ""),
    maxOutstandingRequests: maxOutstandingRequests > 0 ? maxOutstandingRequests : Infinity,
    functionTimeout,
    logLevels: Object.fromEntries(logLevels),
    warnings: [
      ...(file.extensionBundle === undefined
        ? []
        : ["extensionBundle is ignored: HTTP and timer triggers are built in, and this host has no others"]),
      ...Object.keys(otherHttp).map((name) => `extensions.http.${name} is ignored: this host does not do that`),
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
