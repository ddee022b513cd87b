// Registers HTTP functions. Each states who may call it.
import {
  app,
  type HttpHandler,
  type HttpMethod,
  type HttpRequest,
  type HttpResponseInit,
  type InvocationContext,
} from "@azure/functions";
import * as v from "valibot";
import type { RoleRequirement } from "../authorization/decide.ts";
import type { GuardedHandler, RequireRole } from "./guard.ts";
import { callback, checkOptions } from "../options.ts";
import { withProblems } from "./handler.ts";

// Only this file registers HTTP functions (eslint.config.js). It sets `authLevel` and the check in code together: with a
// guard and any level but "anonymous", the host responds to a valid token with an empty 401, and only in Azure.

/** An HTTP function, without who may call it. It has no `authLevel`. */
export interface HttpFunction<Handler> {
  readonly methods: readonly [HttpMethod, ...HttpMethod[]];
  /** Below the prefix of `host.json`, such as `reports/{id}`. */
  readonly route: string;
  readonly handler: Handler;
}

/** A handler without a caller: the request was not authenticated by a token. */
export type OpenHandler = (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>;

/** The functions of a service that apps call with an access token. */
export interface Api<Role extends string> {
  /**
   * Registers a function that only callers with a good token and the app roles of `requirement` reach.
   *
   * @throws TypeError where the name, the requirement or an option is wrong
   */
  readonly http: (name: string, requirement: RoleRequirement<Role>, options: HttpFunction<GuardedHandler>) => void;
}

/** Made once for a service, of its guard: `api.http("getReport", "Reports.Read", { methods, route, handler })`. */
export function createApi<Role extends string>(guard: RequireRole<Role>): Api<Role> {
  checkOptions("createApi", { guard: callback() }, { guard });
  return {
    http(name, requirement, options) {
      const { handler } = checked(name, options);
      register(name, "anonymous", options, guard(requirement, handler));
    },
  };
}

/**
 * Registers a function for everyone who has one of the app's function keys. A key does not identify its holder and does not expire: use it for
 * people, and for callers that cannot get a token.
 *
 * @throws TypeError where the name or an option is wrong
 * @see https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
 */
export function keyHttp(name: string, options: HttpFunction<OpenHandler>): void {
  register(name, "function", options, withProblems(checked(name, options).handler));
}

/**
 * Registers a function for everyone whom the network admits, without token or key. The proof requires an entry for it with
 * the access `public` in the service's contract.
 *
 * @param why the reason that it needs no protection, for a reviewer
 * @throws TypeError where the name, the reason or an option is wrong
 */
export function publicHttp(name: string, why: string, options: HttpFunction<OpenHandler>): void {
  const { handler } = checked(name, options);
  checkOptions(
    `the public function ${name}`,
    { why: v.pipe(text, v.description("the reason, for a reviewer")) },
    { why },
  );
  register(name, "anonymous", options, withProblems(handler));
}

const text = v.pipe(v.string(), v.trim(), v.nonEmpty());

const optionSchemas = {
  name: v.pipe(text, v.description("the function's name")),
  methods: v.pipe(
    v.array(v.pipe(v.string(), v.regex(/^[A-Z]+$/))),
    v.minLength(1),
    v.description('a list, such as ["GET"]'),
  ),
  route: v.pipe(text, v.description("a route, such as reports/{id}")),
  handler: callback(),
};

function checked<Handler>(name: string, options: HttpFunction<Handler>): HttpFunction<Handler> {
  checkOptions(`the HTTP function ${name}`, optionSchemas, { ...options, name });
  return options;
}

function register(
  name: string,
  authLevel: "anonymous" | "function",
  { methods, route }: HttpFunction<unknown>,
  handler: HttpHandler,
): void {
  app.http(name, { methods: [...methods], authLevel, route, handler });
}
