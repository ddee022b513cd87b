/** Who may call what, by policy and contracts of two commits: the model of the proof decides. */
import type { ExternalCaller, Policy } from "@restricted-calls/shared/access-policy";
import { contains } from "../../tools/address-ranges.ts";
import { type Grant, grantsOf } from "../../tools/grants.ts";
import { callersOf } from "../model/callers.ts";
import { expectedOutcome } from "../model/expectations.ts";
import type { StatedOperation } from "./contract-source.ts";
import type { Finding, Word } from "./finding.ts";

/** What a commit says about access. */
export interface AccessState {
  readonly policy: Policy;
  readonly operations: readonly StatedOperation[];
}

export const CALL = "call of an operation";
export const WITHOUT_TOKEN = "operation without a token";
export const UNUSED_ROLE = "role that no operation requires";
export const ROLE_ID = "id of an app role";
export const END = "end of a grant";
export const EXTERNAL_NETWORK = "network of an external caller";
export const EXTERNAL_CLIENT = "client of an external caller";

const EVERYONE = "everyone whom the network admits";
const KEY_HOLDER = "whoever has a function key";

/** What somebody may do: a text for each thing, and its kind. */
type Abilities = ReadonlyMap<string, Finding>;

export function compareAccess(before: AccessState, after: AccessState): Finding[] {
  const [old, now] = [abilitiesOf(before), abilitiesOf(after)];
  return [
    ...only(now, old, "gained"),
    ...networks(before.policy, after.policy, "gained"),
    ...roleIds(before.policy, after.policy),
    ...laterEnds(before.policy, after.policy, "gained"),
    ...only(old, now, "lost"),
    ...networks(after.policy, before.policy, "lost"),
    ...laterEnds(after.policy, before.policy, "lost"),
  ];
}

/**
 * The method and the route of an operation. Only the plain name of a parameter does not matter: a catch-all, an optional parameter or
 * a constraint decides which paths the route has. https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates
 */
function callOf({ method, route }: StatedOperation): string {
  const parts = route.replaceAll(/\{[^}]*\}|[^{]+/g, (part) =>
    /^\{[\w-]+\}$/.test(part) ? "{}" : part.startsWith("{") ? part : part.toLowerCase(),
  );
  return `${method} ${parts}`;
}

function only(abilities: Abilities, others: Abilities, word: Word): Finding[] {
  const isOf = (key: string): boolean => others.has(key) || others.has(key.replace(KEY_HOLDER, EVERYONE));
  return [...abilities].filter(([key]) => !isOf(key)).map(([, finding]) => ({ ...finding, word }));
}

/** By what makes each the same in both commits: a call whatever its operation is called, and whatever role it requires. */
function abilitiesOf({ policy, operations }: AccessState): Abilities {
  const calls = operations.flatMap((operation) => {
    const { service, method, route, role, access } = operation;
    const call = `${method} ${route} of ${service}`;
    const key = `${service} ${callOf(operation)}`;
    const everyone = { public: [EVERYONE], "function-key": [KEY_HOLDER], token: [] }[access];
    return [
      ...everyone.map((who) => entry(WITHOUT_TOKEN, `${who} may call ${call} without a token`, `${who}: ${key}`)),
      ...callers(policy, service)
        .filter(({ id, standing }) => mayCall(policy, operation, id, standing))
        .map(({ id }) => entry(CALL, `${id} may call ${call} (${role ?? "no role"})`, `${id}: ${key}`)),
    ];
  });
  const unused = Object.keys(policy.services).flatMap((service) =>
    callers(policy, service).flatMap(({ id, standing }) =>
      standing.roles
        .filter((role) => !operations.some((operation) => operation.service === service && operation.role === role))
        .map((role) => entry(UNUSED_ROLE, `${id} holds ${role} of ${service}, which no operation requires`)),
    ),
  );
  const clients = Object.entries(policy.externalCallers ?? {}).flatMap(([name, { clientId, objectId }]) => [
    entry(EXTERNAL_CLIENT, `the client ${clientId} is ${name}`),
    entry(EXTERNAL_CLIENT, `the service principal ${objectId} holds the roles of ${name}`),
  ]);
  return new Map([...calls, ...unused, ...clients]);
}

/** The callers of a service that the policy names: not the attackers of the matrix. */
function callers(policy: Policy, service: string) {
  const { externalCallers = {}, services } = policy;
  return callersOf(policy, service).filter(
    ({ id }) => Object.hasOwn(services, id) || Object.hasOwn(externalCallers, id),
  );
}

/** From its own network, with both layers. */
function mayCall(
  policy: Policy,
  operation: StatedOperation,
  callerOf: string,
  caller: ReturnType<typeof callersOf>[number]["standing"],
): boolean {
  const outcome = expectedOutcome({ policy, layers: "both", operation, origin: { callerOf }, caller, success: 200 });
  return outcome.refusedBy === "nobody";
}

/** The networks of external callers that only `to` has, without those within a network that both have. */
function networks(from: Policy, to: Policy, word: Word): Finding[] {
  return Object.entries(to.externalCallers ?? {}).flatMap(([name, caller]) => {
    const known = networksOf(from.externalCallers?.[name]);
    return networksOf(caller)
      .filter((network) => !known.some((other) => other === network || contains(other, network)))
      .map((network) => ({ word, kind: EXTERNAL_NETWORK, text: `${name} may call from ${network}` }));
  });
}

function networksOf(caller: ExternalCaller | undefined): readonly string[] {
  if (caller === undefined) return [];
  return caller.subnet === undefined ? caller.addressRanges : [caller.subnet];
}

/**
 * An app role that has another id. Assignments in the directory name the id, and a deployment removes none: whoever was assigned the
 * id before holds the role.
 */
function roleIds(before: Policy, after: Policy): Finding[] {
  const idsOf = ({ services }: Policy): Map<string, string> =>
    new Map(
      Object.entries(services).flatMap(([service, { roles }]) =>
        Object.entries(roles).map(([role, { id }]) => [`${role} of ${service}`, id] as const),
      ),
    );
  const [old, now] = [idsOf(before), idsOf(after)];
  return [...now]
    .filter(([role, id]) => old.get(role) !== id && (old.has(role) || [...old.values()].includes(id)))
    .map(([role, id]) => ({ word: "gained", kind: ROLE_ID, text: `whoever is assigned ${id} holds ${role}` }));
}

/** The grants of both policies that end later in `to`. A grant without an end never ends. */
function laterEnds(from: Policy, to: Policy, word: Word): Finding[] {
  const never = "9999-12-31";
  const ends = new Map(grantsOf(from).map((grant) => [keyOf(grant), grant.justification?.until ?? never]));
  return grantsOf(to).flatMap((grant) => {
    const [old, now] = [ends.get(keyOf(grant)), grant.justification?.until ?? never];
    if (old === undefined || now <= old) return [];
    const days = now === never ? `after ${old}` : `from ${old} until ${now}`;
    return [{ word, kind: END, text: `${keyOf(grant)} ${days}` }];
  });
}

function keyOf({ caller, service, role }: Grant): string {
  return `${caller} holds ${role} of ${service}`;
}

function entry(kind: string, text: string, key = text): readonly [string, Finding] {
  return [key, { word: "gained", kind, text }];
}
