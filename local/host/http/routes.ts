/** Route templates of ASP.NET Core, with literals, {name} and {*name}, and the function that a request is for. */
import { NOT_SUPPORTED } from "../not-supported.ts";

export interface RouteTarget {
  readonly name: string;
  /** With the prefix, without a leading slash. */
  readonly template: string;
  /** Upper case; undefined: all. */
  readonly methods: readonly string[] | undefined;
}

export interface RouteMatch {
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
}

interface Segment {
  readonly literal?: string;
  readonly parameter?: string;
  readonly catchAll?: boolean;
}

interface Route extends RouteTarget {
  readonly segments: readonly Segment[];
}

/**
 * Orders the routes as the Functions host does (literal segments before parameters, longer before shorter) and returns the
 * matcher. A method that a function does not list is no match: the response is 404, never 405.
 *
 * @throws Error that names the function and the segment, for a template that this host does not support
 */
export function createRouter(
  targets: readonly RouteTarget[],
): (method: string, path: string) => RouteMatch | undefined {
  const routes = targets.map((target) => ({ ...target, segments: parseTemplate(target) })).sort(byPrecedence);
  return (method, path) => {
    // The real host ignores one slash at the end, but not two.
    const parts = path.replace(/^\//, "").replace(/\/$/, "").split("/");
    for (const { name, methods, segments } of routes) {
      if (methods !== undefined && !methods.includes(method)) continue;
      const params = matchSegments(segments, parts);
      if (params !== undefined) return { name, params };
    }
    return undefined;
  };
}

/** A request's path as the host's web server passes it on: it decodes escapes other than `%2F`. */
export function decodePath(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (run) => run.split(/(%2f)/i).map(decodeRun).join(""));
}

/** Removes `.` and `..` from a decoded path (RFC 3986 section 5.2.4), as the host's web server does before routing. */
export function removeDotSegments(path: string): string {
  const segments = path.split("/").slice(1);
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  // A dot segment at the end leaves its slash.
  if (/^\.\.?$/.test(segments.at(-1) ?? "")) kept.push("");
  return `/${kept.join("/")}`;
}

function decodeRun(run: string): string {
  if (/^%2f$/i.test(run)) return run;
  try {
    return decodeURIComponent(run);
  } catch {
    return run; // no valid UTF-8
  }
}

function parseTemplate({ name, template }: RouteTarget): readonly Segment[] {
  const fail = (why: string): never => {
    throw new Error(`function '${name}': route "${template}": ${why}`);
  };
  const texts = template.split("/").filter((text) => text !== "");
  return texts.map((text, index): Segment => {
    if (!/[{}]/.test(text)) return { literal: text.toLowerCase() };
    const [, star = "", parameter = ""] =
      /^\{(\*{0,2})([^{}:?=*]+)\}$/.exec(text) ?? fail(`the segment "${text}" ${NOT_SUPPORTED}`);
    const catchAll = star !== "";
    if (catchAll && index < texts.length - 1) fail("a catch-all must be the last segment");
    return { parameter, catchAll };
  });
}

function matchSegments(segments: readonly Segment[], parts: readonly string[]): Record<string, string> | undefined {
  const params: [string, string][] = [];
  for (const [index, segment] of segments.entries()) {
    const value = segment.catchAll ? parts.slice(index).join("/") : (parts[index] ?? "");
    if (segment.literal !== undefined) {
      if (segment.literal !== value.toLowerCase()) return undefined;
    } else if (value !== "") {
      params.push([segment.parameter ?? "", value]);
    } else if (!segment.catchAll) return undefined;
  }
  const isWhole = parts.length <= segments.length || segments.at(-1)?.catchAll === true;
  // An empty template is the root, whose path splits into one empty part.
  return isWhole || (segments.length === 0 && parts.join("") === "") ? Object.fromEntries(params) : undefined;
}

function byPrecedence(one: Route, other: Route): number {
  for (const [index, mine] of one.segments.entries()) {
    const theirs = other.segments[index];
    if (theirs === undefined) return -1;
    const order =
      Number(mine.parameter !== undefined) - Number(theirs.parameter !== undefined) ||
      (mine.literal ?? "").localeCompare(theirs.literal ?? "");
    if (order !== 0) return order;
  }
  return other.segments.length > one.segments.length ? 1 : 0;
}
