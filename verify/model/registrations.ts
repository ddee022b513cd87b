/** Finds functions that are not registered with the required key level, or have no guard. */
import { isApi } from "../../tools/access-policy.ts";
import type { Operation } from "./report.ts";
import { operations } from "./operations.ts";

/** A function as an app registers it, and as Resource Manager lists it. */
export interface Registration {
  readonly name: string;
  readonly bindings: readonly Readonly<Record<string, unknown>>[];
}

/**
 * Finds HTTP functions with a wrong key level. In a service with roles the token decides: with any level but `anonymous`, the
 * host in Azure answers a valid token with an empty 401. In a service without roles, only a key protects a function. Public
 * functions are listed with the role null (operations.ts).
 *
 * @param listed the operations of the matrix
 * @returns a sentence for each such function
 */
export function registrationFaults(
  service: string,
  functions: readonly Registration[],
  listed: readonly Operation[] = operations,
): string[] {
  return httpFunctions(functions).flatMap(({ name, level, route }) => {
    if (isApi(service)) return level === "anonymous" ? [] : [`${name} asks for a key (${level}) before any token`];
    const isPublic = listedAt(service, route, listed).some(({ role }) => role === null);
    if (level !== "anonymous" || isPublic) return [];
    return [`${name} is open to anybody, without token or key`];
  });
}

/**
 * Calls each function of a service with roles without a token, by each method that the matrix does not call. The guard responds
 * `no-credentials`: any other response shows that there is no guard.
 *
 * @param origin the address of the app itself, behind its front ends
 * @returns a sentence for each such method
 */
export async function withoutGuard(
  service: string,
  functions: readonly Registration[],
  origin: string,
): Promise<string[]> {
  if (!isApi(service)) return [];
  const notInMatrix = httpFunctions(functions).flatMap(({ name, methods, route }) => {
    const listed = listedAt(service, route, operations).map(({ method }) => method);
    return methods.filter((method) => !listed.includes(method)).map((method) => ({ name, method, route }));
  });
  const responses = notInMatrix.map(async ({ name, method, route }) => {
    const path = route.replace(/\{[^}]*\}/g, "0");
    const response = await fetch(`${origin}${path}`, { method });
    const code = /"code":"([a-z-]+)"/.exec(await response.text())?.[1];
    return code === "no-credentials" ? [] : [`${name} answers ${response.status} to ${method} without a token`];
  });
  return (await Promise.all(responses)).flat();
}

/** @throws Error that names each fault and its fix */
export function requireNoFaults(faults: Readonly<Record<string, readonly string[]>>): void {
  const lines = Object.entries(faults).flatMap(([service, found]) => found.map((fault) => `  - ${service}: ${fault}`));
  if (lines.length === 0) return;
  throw new Error(
    `These functions are not registered as they must be:\n${lines.join("\n")}\n` +
      "Register each by api.http, keyHttp or publicHttp (shared/functions/register.ts), and list public functions with the " +
      "role null in verify/model/operations.ts.",
  );
}

interface HttpTrigger {
  readonly name: string;
  readonly level: string;
  readonly methods: readonly string[];
  /** With the prefix of host.json. */
  readonly route: string;
}

function httpFunctions(functions: readonly Registration[]): HttpTrigger[] {
  return functions.flatMap(({ name, bindings }) => {
    const trigger = bindings.find(({ type }) => String(type).toLowerCase() === "httptrigger");
    if (trigger === undefined) return [];
    const { authLevel, methods, route } = trigger;
    return [
      {
        name,
        // Without a level, the host asks for a key. `app.http` always sets one: its default is "anonymous".
        level: typeof authLevel === "string" ? authLevel.toLowerCase() : "function",
        methods: Array.isArray(methods) ? methods.map(String) : ["GET", "POST"],
        route: `/api/${typeof route === "string" ? route : name}`,
      },
    ];
  });
}

function listedAt(service: string, route: string, listed: readonly Operation[]): Operation[] {
  return listed.filter((one) => one.service === service && one.route === route);
}
