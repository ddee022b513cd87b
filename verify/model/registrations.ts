/** Finds functions that no contract lists, or that are not registered as their contract says. */
import type { ContractOperation } from "@restricted-calls/shared/contract";
import { isApi } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { callOf } from "../../tools/contract-mistakes.ts";
import { operationsOf } from "../../tools/contracts.ts";

/** A function as an app registers it, and as Resource Manager lists it. */
export interface Registration {
  readonly name: string;
  readonly bindings: readonly Readonly<Record<string, unknown>>[];
}

/**
 * Finds HTTP functions that the service's contract does not list, which nobody would call, and those with a wrong key level. In a
 * service with roles the token decides: with any level but `anonymous`, the host in Azure answers a valid token with an empty
 * 401. In a service without roles, only a key protects a function that is not public.
 *
 * @param listed the operations of the service's contract
 * @returns a sentence for each such function
 */
export function registrationFaults(
  service: string,
  functions: readonly Registration[],
  listed: readonly ContractOperation[] = operationsOf(service),
): string[] {
  return httpFunctions(functions).flatMap(({ name, level, methods, route }) => {
    const keyed =
      isApi(accessPolicy, service) && level !== "anonymous"
        ? [`${name} asks for a key (${level}) before any token`]
        : [];
    const faults = methods.flatMap((method) => {
      const operation = listed.find((one) => callOf(one) === callOf({ method, route }));
      if (operation === undefined) return [`${name} (${method} ${route}) is not in ${service}/contract.ts`];
      if (isApi(accessPolicy, service) || (operation.access === "public") === (level === "anonymous")) return [];
      return level === "anonymous"
        ? [`${name} is open to anybody, without token or key`]
        : [`${name} asks for a key (${level}), but its contract says that it is public`];
    });
    return [...keyed, ...faults];
  });
}

/** @throws Error that names each fault and its fix */
export function requireNoFaults(faults: Readonly<Record<string, readonly string[]>>): void {
  const lines = Object.entries(faults).flatMap(([service, found]) => found.map((fault) => `  - ${service}: ${fault}`));
  if (lines.length === 0) return;
  throw new Error(
    `These functions are not registered as they must be, or the proof would leave them out:\n${lines.join("\n")}\n` +
      "Register each by api.http, keyHttp or publicHttp (shared/functions/register.ts), and list it in the service's contract.ts.",
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
        methods: Array.isArray(methods) ? methods.map(String) : ["any method"],
        route: `/api/${typeof route === "string" ? route : name}`,
      },
    ];
  });
}
