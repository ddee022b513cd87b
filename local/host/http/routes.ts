/** Route templates as ASP.NET Core knows them, as far as Functions use them; and which function a request belongs to. */

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
  readonly optional?: boolean;
  readonly catchAll?: boolean;
  readonly constraints: readonly RegExp[];
}

interface Route extends RouteTarget {
  readonly segments: readonly Segment[];
}

const CONSTRAINTS: Readonly<Record<string, RegExp>> = {
  int: /^[+-]?\d{1,10}$/,
  long: /^[+-]?\d{1,19}$/,
  guid: /^\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i,
  alpha: /^[a-z]*$/i,
  bool: /^(?:true|false)$/i,
};

/**
 * Orders the routes as the Functions host does (literal segments before parameters, constrained before free ones, longer
 * before shorter) and returns the matcher. A method that a function does not list is no match, hence 404 and never 405.
 *
 * @throws Error for a template this host does not understand, naming the function
 */
export function createRouter(
  targets: readonly RouteTarget[],
): (method: string, path: string) => RouteMatch | undefined {
  const routes = targets.map((target) => ({ ...target, segments: parseTemplate(target) })).sort(byPrecedence);
  return (method, path) => {
    // One slash at the end is fine, two are not.
    const parts = path.replace(/^\//, "").replace(/\/$/, "").split("/");
    for (const { name, methods, segments } of routes) {
      if (methods !== undefined && !methods.includes(method)) continue;
      const params = matchSegments(segments, parts);
      if (params !== undefined) return { name, params };
    }
    return undefined;
  };
}

/** A request's path as the host's web server hands it on: escapes decoded, but `%2F`, which stays as it is. */
export function decodePath(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (run) => run.split(/(%2f)/i).map(decodeRun).join(""));
}

/** Takes `.` and `..` out of a decoded path (RFC 3986 section 5.2.4), as the host's web server does before it routes. */
export function removeDotSegments(path: string): string {
  const segments = path.split("/").slice(1);
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  // A dot segment at the end leaves its slash behind.
  if (/^\.\.?$/.test(segments.at(-1) ?? "")) kept.push("");
  return `/${kept.join("/")}`;
}

function decodeRun(run: string): string {
  if (/^%2f$/i.test(run)) return run;
  try {
    return decodeURIComponent(run);
  } catch {
    return run; // no valid UTF-8: left alone
  }
}

function parseTemplate({ name, template }: RouteTarget): readonly Segment[] {
  const fail = (why: string): never => {
    throw new Error(`function '${name}': route "${template}" ${why}`);
  };
  const texts = template.split("/").filter((text) => text !== "");
  return texts.map((text, index): Segment => {
    if (!/[{}]/.test(text)) return { literal: text.toLowerCase(), constraints: [] };
    const match = /^\{(\*{0,2})([^{}:?=*]+)((?::[^{}?=]+)*)(\?)?\}$/.exec(text);
    const [, star = "", parameter = "", constraints = "", optional] =
      match ?? fail(`has the segment "${text}", ${FORMS}`);
    const isLast = index === texts.length - 1;
    if (star !== "" && !isLast) fail(`has a catch-all that is not its last segment`);
    if (optional !== undefined && !isLast) fail(`has an optional parameter that is not its last segment`);
    return {
      parameter,
      catchAll: star !== "",
      optional: optional !== undefined || star !== "",
      constraints: constraints
        .split(":")
        .slice(1)
        .map((key) => CONSTRAINTS[key] ?? fail(`has the constraint "${key}", ${KNOWN}`)),
    };
  });
}

const FORMS = "which this host does not know: it knows literals, {name}, {name?}, {name:constraint} and {*name}";
const KNOWN = `which this host does not know: it knows ${Object.keys(CONSTRAINTS).join(", ")}`;

function matchSegments(segments: readonly Segment[], parts: readonly string[]): Record<string, string> | undefined {
  const params: [string, string][] = [];
  for (const [index, segment] of segments.entries()) {
    const value = segment.catchAll ? parts.slice(index).join("/") : (parts[index] ?? "");
    if (segment.literal !== undefined) {
      if (segment.literal !== value.toLowerCase()) return undefined;
    } else if (value !== "") {
      if (segment.constraints.some((constraint) => !constraint.test(value))) return undefined;
      params.push([segment.parameter ?? "", value]);
    } else if (!segment.optional) return undefined;
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
      theirs.constraints.length - mine.constraints.length ||
      (mine.literal ?? "").localeCompare(theirs.literal ?? "");
    if (order !== 0) return order;
  }
  return other.segments.length > one.segments.length ? 1 : 0;
}
