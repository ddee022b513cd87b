/**
 * Checks of the running code: compares the functions and the package in Resource Manager with a build of this checkout. The
 * Functions host reports both, so code that imitates this package is not detected.
 */
import { reasonOf } from "../../../tools/command-line.ts";
import { type Registration, registrationFaults } from "../../model/registrations.ts";
import { type Built, builtService } from "../../model/built-service.ts";
import type { PlannedCheck } from "../../model/plan.ts";
import { listed, plannedCheck, shown, wording } from "../check.ts";
import { found, type Read, together, unreadable } from "../azure/reading.ts";
import type { FunctionEnvelope } from "../azure/resources.ts";
import type { DeploymentView, ServiceView } from "../view.ts";

const AS_BUILT = "those of a build of this commit";

export function codeChecks(_view: DeploymentView, { name, siteId, azure }: ServiceView): PlannedCheck[] {
  const resource = `${siteId}/functions`;
  const build: Read<Built> = () => builtService(name).then(found, (error: unknown) => unreadable(reasonOf(error)));
  const common = {
    resource,
    // https://learn.microsoft.com/rest/api/appservice/web-apps/sync-function-triggers
    fix: `azd deploy ${name}\n` + `az rest --method POST --url "${siteId}/syncfunctiontriggers?api-version=2025-03-01"`,
  };
  return [
    plannedCheck({
      ...common,
      id: `code/${name}/functions`,
      title: `${name}: the functions of the site`,
      read: () => together({ functions: azure.functions, build }),
      expected: AS_BUILT,
      why: "Functions of other code need not check tokens; with none, the deployment failed or the app does not start.",
      found: ({ functions, build: { functions: registered } }) =>
        functionsFound(
          name,
          functions.map(({ name: id, properties: { config, isDisabled } }) => ({
            name: id.split("/").at(-1) ?? id,
            bindings: config?.bindings ?? [],
            isDisabled: isDisabled === true,
          })),
          registered.map((one) => ({ name: one.name, bindings: Object.values(one.bindings) })),
        ),
    }),
    plannedCheck({
      ...common,
      id: `code/${name}/package`,
      title: `${name}: the package that runs`,
      read: async () => {
        const reading = await together({ functions: azure.functions, build });
        if (reading.kind !== "found" || reading.value.functions.some(hasEntryPoint)) return reading;
        if (reading.value.functions.length === 0)
          return unreadable("The site has no function: another check reports it.");
        return unreadable("Resource Manager does not say which file the functions are from (config.scriptFile).");
      },
      expected: "that of this commit",
      why: "Other code runs: another commit, another folder or unknown code. This verification says nothing about it.",
      found: ({ functions, build: { entryPoint } }) => {
        const others = new Set(functions.map(entryPointOf).filter((file) => file !== entryPoint));
        return others.size === 0 ? "that of this commit" : wording([...others]);
      },
    }),
  ];
}

function entryPointOf({ properties }: FunctionEnvelope): string {
  return shown(properties.config?.scriptFile);
}

function hasEntryPoint(one: FunctionEnvelope): boolean {
  return typeof one.properties.config?.scriptFile === "string";
}

/** Compares the functions of a site with those of a build. If they agree, checks how the service registers them. */
export function functionsFound(service: string, site: readonly Listed[], registered: readonly Listed[]): string {
  const found = listed(site.map(inWords), registered.map(inWords), AS_BUILT);
  const faults = registrationFaults(service, site);
  return found === AS_BUILT && faults.length > 0 ? wording(faults) : found;
}

interface Listed extends Registration {
  readonly isDisabled?: boolean;
}

/** The trigger of a function, and who may start it. */
function inWords({ name, bindings, isDisabled = false }: Listed): string {
  const trigger = bindings.find(({ type }) => /trigger$/i.test(String(type))) ?? {};
  const { type, methods, route, authLevel } = trigger;
  const parts = [
    typeof type === "string" ? type : "no trigger",
    ...(Array.isArray(methods) ? [methods.map(String).sort().join("+")] : []),
    ...(typeof route === "string" ? [`/${route}`] : []),
    ...(typeof authLevel === "string" ? [authLevel] : []),
    ...(isDisabled ? ["disabled"] : []),
  ];
  return `${name} (${parts.join(" ")})`;
}
