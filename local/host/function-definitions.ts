/** The functions of an app, as it registered them: checks them, and refuses what this host does not support. */
import type { RegisteredFunction, RpcBindingInfo } from "./worker/protocol.ts";
import type { RouteTarget } from "./http/routes.ts";
import { NOT_SUPPORTED } from "./not-supported.ts";
import { parseSchedule, type TimerSchedule } from "./timers/schedule.ts";

interface Definition {
  readonly name: string;
  readonly functionId: string;
  /** The name of the trigger's binding. */
  readonly trigger: string;
  /** Not served and not scheduled, but the admin API runs it. */
  readonly isDisabled: boolean;
}

export interface HttpFunction extends Definition, RouteTarget {
  readonly kind: "http";
  /** The name of the binding that carries the response. */
  readonly output: string | undefined;
  /** Where keys are enforced. Any level but "anonymous" requires one. */
  readonly needsKey: boolean;
}

export interface TimerFunction extends Definition {
  readonly kind: "timer";
  readonly schedule: TimerSchedule;
  readonly runOnStartup: boolean;
  readonly monitored: boolean;
}

export type FunctionDefinition = HttpFunction | TimerFunction;

export interface Definitions {
  readonly functions: readonly FunctionDefinition[];
  /** One sentence for each function that is not served, as the Functions host reports it. */
  readonly refused: readonly string[];
}

/** @throws Error that names the function and the feature that this host does not support, or the mistake */
export function defineFunctions(
  registered: readonly RegisteredFunction[],
  routePrefix: string,
  settings: Readonly<Record<string, string>>,
): Definitions {
  const functions: FunctionDefinition[] = [];
  const refused: string[] = [];
  for (const candidate of registered) {
    const definition = define(candidate, routePrefix, settings);
    const fault = findFault(definition, routePrefix, functions);
    if (fault === undefined) functions.push(definition);
    const why = fault ?? (definition.isDisabled ? "it is disabled" : undefined);
    if (why !== undefined) refused.push(`The '${candidate.name}' function is not served: ${why}.`);
  }
  return { functions, refused };
}

function define(
  { name, functionId, bindings, retryOptions }: RegisteredFunction,
  routePrefix: string,
  settings: Readonly<Record<string, string>>,
): FunctionDefinition {
  let trigger: readonly [string, RpcBindingInfo] | undefined;
  let output: string | undefined;
  for (const [bindingName, binding] of Object.entries(bindings)) {
    if (/^(?:http|timer)Trigger$/i.test(binding.type)) trigger = [bindingName, binding];
    else if (binding.type.toLowerCase() === "http" && binding.direction === "out") output = bindingName;
    else throw new Error(`function '${name}': a binding of type "${binding.type}" ${NOT_SUPPORTED}`);
  }
  if (trigger === undefined) throw new Error(`function '${name}' has no trigger`);
  if (retryOptions !== undefined) throw new Error(`function '${name}': the option retry ${NOT_SUPPORTED}`);
  const [triggerName, binding] = trigger;
  const common = { name, functionId, trigger: triggerName, isDisabled: isDisabled(name, settings) };
  if (binding.type.toLowerCase() === "timertrigger") {
    return { ...common, kind: "timer", ...defineTimer(name, binding, settings) };
  }
  const route = typeof binding["route"] === "string" && binding["route"] !== "" ? binding["route"] : name;
  const methods = binding["methods"] as readonly string[] | undefined;
  return {
    ...common,
    kind: "http",
    output,
    needsKey: binding["authLevel"] !== "anonymous",
    template: [routePrefix, route.replace(/^\/+|\/+$/g, "")].filter((part) => part !== "").join("/"),
    methods: methods?.map((method) => method.toUpperCase()),
  };
}

function defineTimer(
  name: string,
  binding: RpcBindingInfo,
  settings: Readonly<Record<string, string>>,
): Pick<TimerFunction, "schedule" | "runOnStartup" | "monitored"> {
  const expression = String(binding["schedule"]).replace(/%([^%]+)%/g, (_, setting: string) => {
    const value = settings[setting];
    if (value !== undefined && value !== "") return value;
    throw new Error(`function '${name}': its schedule is the setting ${setting}, which is not set`);
  });
  try {
    const schedule = parseSchedule(expression);
    const monitored = schedule.monitored && binding["useMonitor"] !== false;
    return { schedule, monitored, runOnStartup: binding["runOnStartup"] === true };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`function '${name}': the schedule "${expression}" is not valid: ${why}`, { cause: error });
  }
}

function isDisabled(name: string, settings: Readonly<Record<string, string>>): boolean {
  const value = settings[`AzureWebJobs.${name}.Disabled`] ?? settings[`AzureWebJobs_${name}_Disabled`];
  return /^(?:true|1)$/i.test(value ?? "");
}

/** The mistake for which the Functions host does not serve a function. It serves the others. */
function findFault(
  definition: FunctionDefinition,
  routePrefix: string,
  others: readonly FunctionDefinition[],
): string | undefined {
  if (!/^[a-z][a-z0-9_-]{0,127}$/i.test(definition.name)) return "its name is not a valid function name";
  if (others.some(({ name }) => name.toLowerCase() === definition.name.toLowerCase())) return "its name is not unique";
  if (definition.kind === "timer") return undefined;
  const { template, methods } = definition;
  const route = routePrefix === "" ? template : template.slice(routePrefix.length + 1);
  if (/^(?:admin|runtime)/i.test(route)) return "the specified route conflicts with one or more built in routes";
  const rival = others.find(
    (other) =>
      other.kind === "http" &&
      other.template.toLowerCase() === template.toLowerCase() &&
      (methods === undefined || (other.methods?.some((method) => methods.includes(method)) ?? true)),
  );
  return rival && `the route specified conflicts with the route defined by function '${rival.name}'`;
}
