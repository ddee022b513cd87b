/** Reads the arguments of the command: the call of the matrix that they mean. */
import { apiNames, firstCall, type Policy } from "@restricted-calls/shared/access-policy";
import { createRouter, decodePath, removeDotSegments } from "../../local/index.ts";
import { UsageError } from "../../tools/command-line.ts";
import { callersOf, type MatrixCaller } from "../model/callers.ts";
import { type Situation, successOf } from "../model/expectations.ts";
import { everyOperation } from "../model/operations.ts";
import { type Origin, originsOf } from "../model/origins.ts";
import type { Operation } from "../model/report.ts";
import { networkOf } from "./facts.ts";

export interface Arguments {
  /** A service or an external caller of the policy: its network, and without `as` its token. */
  readonly caller: string;
  /** Such as `PUT /api/items/x`. */
  readonly call: string;
  readonly from?: string | undefined;
  readonly as?: string | undefined;
  /** The called service, if several have such an operation. */
  readonly service?: string | undefined;
}

/** A call of the matrix with both layers on. */
export interface Question {
  readonly situation: Situation;
  readonly caller: string;
  /** The method and the path as they were given. */
  readonly call: string;
  readonly origin: Pick<Origin, "callerOf" | "title">;
  readonly kind: MatrixCaller;
  /** Who calls, in a word: a caller of the policy, or an identity of the local directory. */
  readonly who: string;
}

/** @throws UsageError that lists the known names, for a name or a path that is not known */
export function questionOf(policy: Policy, given: Arguments): Question {
  const callers = callersIn(policy);
  if (!callers.includes(given.caller)) {
    throw new UsageError(`The access policy has no caller "${given.caller}". Known: ${callers.join(", ")}.`);
  }
  const operation = operationOf(policy, given);
  const { service } = operation;
  if (service === given.caller) throw new UsageError(`${service} does not call itself over the network.`);
  const kind = kindOf(policy, service, given.as ?? given.caller);
  const origin = originOf(policy, service, given.from ?? given.caller);
  return {
    situation: {
      ...{ policy, operation, origin, layers: "both" },
      ...{ caller: kind.standing, success: successOf(operation, kind.standing) },
    },
    ...{ caller: given.caller, call: given.call, origin, kind, who: identityOf(kind) },
  };
}

function operationOf(policy: Policy, { call, service: named }: Arguments): Operation {
  const known = Object.keys(policy.services);
  if (named !== undefined && !known.includes(named)) {
    throw new UsageError(`The access policy has no service "${named}". Known: ${known.join(", ")}.`);
  }
  const [, method = "", path = ""] = /^([A-Za-z]+)\s+(\/[^\s?#]*)\S*$/.exec(call.trim()) ?? [];
  if (path === "") {
    throw new UsageError(`The call is a method and a path, such as "GET /api/health", not "${call}".`);
  }
  const apis = apiNames(policy);
  const found = (named === undefined ? known : [named]).flatMap((service) => matching(service, method, path));
  const guarded = found.filter(({ service }) => apis.includes(service));
  const [operation, ...others] = guarded;
  if (operation !== undefined && others.length === 0) return operation;
  if (operation !== undefined) {
    const names = guarded.map(({ service }) => service).join(", ");
    throw new UsageError(`${names} have an operation ${call}: choose one by --service.`);
  }
  const [open] = found;
  if (open !== undefined) {
    throw new UsageError(
      `${open.service} has no app roles: its ingress address ranges and function keys decide, and the access policy does not.`,
    );
  }
  const offered = (named === undefined ? apis : [named]).flatMap(everyOperation).filter(({ by }) => by === undefined);
  throw new UsageError(
    `No operation is ${call}. Known: ${offered.map((one) => `${one.method} ${one.route}`).join(", ")}.`,
  );
}

function matching(service: string, method: string, path: string): Operation[] {
  const offered = everyOperation(service);
  const route = createRouter(
    offered.map(({ id, method: own, route: template }) => ({
      ...{ name: id, methods: [own] },
      template: template.replace(/^\//, ""),
    })),
  );
  const match = route(method.toUpperCase(), removeDotSegments(decodePath(path)));
  return offered.filter(({ id }) => id === match?.name);
}

/** A kind of caller by its id in the matrix, or else by the identity of the local directory that it has. */
function kindOf(policy: Policy, service: string, name: string): MatrixCaller {
  const kinds = callersOf(policy, service);
  // The client of the policy's first call, as an app registration.
  const first = firstCall(policy);
  const id = name === "caller-app" && first?.callee === service ? first.caller : name;
  const kind = kinds.find((one) => one.id === id) ?? kinds.find((one) => identityOf(one) === id);
  if (kind !== undefined) return kind;
  const identities = kinds.map(identityOf);
  throw new UsageError(
    `No kind of caller is "${name}". Known: ${[...new Set([...kinds.map((one) => one.id), ...identities])].join(", ")}.`,
  );
}

function identityOf({ id, token }: MatrixCaller): string {
  return "identity" in token ? token.identity : id;
}

/** A network by its id in the matrix, or by the name of the service or external caller that calls from it. */
function originOf(policy: Policy, service: string, name: string): Question["origin"] {
  const origins = originsOf(policy, service);
  const id = name === "other-subnet" ? "otherSubnet" : name;
  const origin = origins.find((one) => one.id === id);
  if (origin !== undefined && ["otherSubnet", "internet"].includes(id)) return origin;
  const callers = callersIn(policy);
  const caller = origin?.callerOf ?? name;
  if (callers.includes(caller)) return { callerOf: caller, title: networkOf(policy, caller) };
  const known = new Set([...callers, "other-subnet", ...origins.map((one) => one.id)]);
  throw new UsageError(`There is no network "${name}". Known: ${[...known].join(", ")}.`);
}

function callersIn({ services, externalCallers = {} }: Policy): string[] {
  return [...Object.keys(services), ...Object.keys(externalCallers)];
}
