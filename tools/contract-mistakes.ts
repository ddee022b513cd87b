/** Loads the contracts of services, and finds the mistakes in them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ContractOperation, SampleCall, ServiceContract } from "@restricted-calls/shared/contract";
import * as v from "valibot";
import { reasonOf } from "./command-line.ts";

/** The services of an access policy, with what contracts must agree with. */
export type ServiceRoles = Readonly<Record<string, { readonly roles: object }>>;

/** The benchmarks of the system: names that a service's own benchmarks do not take. */
export const SYSTEM_BENCHES = ["authorization", "client", "delivery", "growth", "cold-start"] as const;

/** The contracts of services, by service. */
export type Contracts = Readonly<Record<string, ServiceContract>>;

export interface ReadContracts {
  /** Do not use them if there is a mistake. */
  readonly contracts: Contracts;
  /** One per line, each with the file's name. */
  readonly mistakes: readonly string[];
}

/**
 * Loads `<service>/contract.ts` for each service, and finds all mistakes: what the type says, for those who have not run the
 * compiler, and what no type can say.
 *
 * @param root the folder of the repository
 */
export async function readContracts(root: string, services: ServiceRoles): Promise<ReadContracts> {
  const contracts: Record<string, ServiceContract> = {};
  const mistakes: string[] = [];
  const owners = new Map<string, string>();
  const benches = new Map<string, string>(SYSTEM_BENCHES.map((name) => [name, "the system"]));
  for (const [service, { roles }] of Object.entries(services)) {
    const file = `${service}/contract.ts`;
    const loaded = await load(join(root, service, "contract.ts"));
    if (typeof loaded === "string") {
      mistakes.push(`${file}: ${loaded}`);
      continue;
    }
    contracts[service] = loaded;
    mistakes.push(...mistakesIn(loaded, Object.keys(roles)).map((mistake) => `${file}: ${mistake}`));
    for (const { id } of loaded.operations) {
      const owner = owners.get(id);
      if (owner !== undefined) mistakes.push(`${file}: ${id}: ${owner} has an operation of this id already`);
      owners.set(id, file);
    }
    for (const name of Object.keys(loaded.bench ?? {})) {
      const owner = benches.get(name);
      if (owner !== undefined) mistakes.push(`${file}: bench.${name}: ${owner} has a benchmark of this name already`);
      benches.set(name, file);
    }
  }
  return { contracts, mistakes };
}

const EXAMPLE = "export default { operations: [...] } satisfies ContractOf<...>; see shared/contract.ts";

const isFunction = v.function("expected a function");
const text = v.string("expected a text");
const name = v.regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, "expected lower case with hyphens");
const operationEntries = {
  id: v.pipe(
    text,
    name,
    v.regex(/^(?!(host|scm|attack)(-|$))/, 'the proof itself has ids that begin with "host", "scm" or "attack"'),
  ),
  method: v.pipe(text, v.regex(/^[A-Z]+$/, "expected capital letters")),
  route: v.pipe(text, v.startsWith("/", 'expected a route that begins with "/"')),
  sample: v.optional(isFunction),
  after: v.optional(v.array(text)),
};
const shape = v.strictObject({
  operations: v.array(
    v.variant(
      "access",
      [
        v.strictObject({ ...operationEntries, access: v.literal("token"), role: text }),
        v.strictObject({ ...operationEntries, access: v.picklist(["public", "function-key"]) }),
      ],
      "expected an operation whose access is token, public or function-key",
    ),
    "expected a list",
  ),
  commands: v.optional(isFunction),
  show: v.optional(isFunction),
  positiveCall: v.optional(
    v.strictObject({
      operation: text,
      outcome: v.optional(v.strictObject({ operation: text, path: isFunction, read: isFunction })),
    }),
  ),
  chaos: v.optional(
    v.strictObject({
      sends: v.optional(
        v.strictObject({
          settings: v.optional(isFunction),
          messages: isFunction,
          afterwards: isFunction,
          outcomes: isFunction,
        }),
      ),
      receives: v.optional(v.strictObject({ read: isFunction, failures: isFunction })),
    }),
  ),
  bench: v.optional(v.record(v.pipe(text, name), isFunction)),
});
const sampleShape = v.strictObject({
  path: text,
  body: v.optional(v.looseObject({})),
  status: v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(299)),
});

/** @returns the contract, or what is wrong with the file */
async function load(file: string): Promise<ServiceContract | string> {
  if (!existsSync(file)) return `is missing: it lists the operations of the service. Write ${EXAMPLE}`;
  try {
    const { default: contract } = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
    if (contract === undefined) return `has no default export: ${EXAMPLE}`;
    const { success, issues = [] } = v.safeParse(shape, contract);
    return success ? (contract as ServiceContract) : issues.map(inWords).join("; ");
  } catch (error) {
    return `cannot be loaded: ${reasonOf(error)}`;
  }
}

function inWords(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  return path === null ? issue.message : `${path}: ${issue.message}`;
}

function mistakesIn({ operations, positiveCall }: ServiceContract, roles: readonly string[]): string[] {
  const mistakes: string[] = [];
  const byId = new Map(operations.map((operation) => [operation.id, operation]));
  const calls = new Map<string, string>();
  for (const operation of operations) {
    const note = (what: string): void => {
      mistakes.push(`${operation.id}: ${what}`);
    };
    const call = callOf(operation);
    const same = calls.get(call);
    if (same !== undefined) note(`${operation.method} ${operation.route} is the call of ${same}`);
    calls.set(call, operation.id);

    if (operation.access === "token" && !roles.includes(operation.role)) {
      note(`"${operation.role}" is not a role of this service in shared/access-policy.json`);
    }
    if (operation.access === "function-key" && roles.length > 0) {
      note("a service with roles has no function keys: with one, the host refuses a valid token");
    }
    if (operation.sample !== undefined) mistakes.push(...sampleMistakes(operation, operation.sample));
    else if (operation.access !== "function-key") note("has no sample, so the proof cannot call it");
    for (const id of operation.after ?? []) {
      if (byId.get(id)?.sample === undefined) note(`after: "${id}" is not an operation of this service with a sample`);
    }
    if (requiredBefore([operation], operations).includes(operation)) note("after: leads back to itself");
  }
  if (roles.length > 0 && !operations.some(isFirstCall)) {
    mistakes.push("operations: none with a role has a sample that needs no other call before, for the attacks");
  }

  const open = (id: string): ContractOperation | undefined => {
    const operation = byId.get(id);
    return operation?.access === "token" ? undefined : operation;
  };
  if (positiveCall !== undefined && open(positiveCall.operation)?.sample === undefined) {
    mistakes.push(`positiveCall: "${positiveCall.operation}" is not an operation without a role and with a sample`);
  }
  if (positiveCall?.outcome !== undefined && open(positiveCall.outcome.operation) === undefined) {
    mistakes.push(`positiveCall.outcome: "${positiveCall.outcome.operation}" is not an operation without a role`);
  }
  return mistakes;
}

function sampleMistakes({ id, route }: ContractOperation, sample: (unique: string) => SampleCall): string[] {
  let call: unknown;
  try {
    call = sample("0");
  } catch (error) {
    return [`${id}: sample: ${reasonOf(error)}`];
  }
  const result = v.safeParse(sampleShape, call);
  if (!result.success) return result.issues.map((issue) => `${id}: sample: ${inWords(issue)}`);
  const { path } = result.output;
  const [found, expected] = [path.split("?")[0] ?? "", route].map((one) => one.toLowerCase().split("/"));
  const fits =
    found?.length === expected?.length &&
    expected?.every((part, i) => (part.startsWith("{") ? found?.[i] !== "" : part === found?.[i]));
  return fits === true ? [] : [`${id}: sample: ${path} is not a path of ${route}`];
}

/** An operation that asks for a token, and whose sample succeeds on a system where nothing was called before. */
export type FirstCall = Extract<ContractOperation, { readonly access: "token" }> &
  Required<Pick<ContractOperation, "sample">>;

export function isFirstCall(operation: ContractOperation): operation is FirstCall {
  const { access, sample, after = [] } = operation;
  return access === "token" && sample !== undefined && after.length === 0;
}

/** The operations that must be called before others, in this order. */
export function requiredBefore(
  wanted: readonly ContractOperation[],
  all: readonly ContractOperation[],
): ContractOperation[] {
  const found = new Set<ContractOperation>();
  const visiting = new Set<ContractOperation>();
  const visit = (operation: ContractOperation): void => {
    if (visiting.has(operation)) return;
    visiting.add(operation);
    for (const id of operation.after ?? []) {
      const earlier = all.find((one) => one.id === id);
      if (earlier === undefined) continue;
      visit(earlier);
      found.add(earlier);
    }
  };
  wanted.forEach(visit);
  return [...found];
}

/** The method and the route of an operation. Two routes are the same whatever their parameters are called. */
export function callOf({ method, route }: Pick<ContractOperation, "method" | "route">): string {
  return `${method} ${route.replace(/\{[^}]*\}/g, "{}")}`.toLowerCase();
}
