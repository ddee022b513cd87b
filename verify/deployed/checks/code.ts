import { reasonOf } from "../../../tools/command-line.ts";
import { type Registration, registrationFaults } from "../../model/registrations.ts";
import { type Built, builtService } from "../../model/built-service.ts";
import { listed, type PlannedCheck, question, shown, wording } from "../check.ts";
import { type Read, together, unseen } from "../azure/reading.ts";
import type { FunctionEnvelope } from "../azure/resources.ts";
import type { Scene, SceneService } from "../view.ts";

const AS_BUILT = "those of a build of this commit";

/**
 * What code runs: the functions that the Functions host has told Resource Manager of, and the package that they are from, held
 * against a build of this checkout. Code that passes itself off as this package is not seen: it can say what it likes.
 */
export function codeChecks(_scene: Scene, { name, expected, azure }: SceneService): PlannedCheck[] {
  const resource = `${expected.siteId}/functions`;
  const build: Read<Built> = () =>
    builtService(name).then(
      (value) => ({ kind: "found", value }),
      (error: unknown) => unseen(reasonOf(error)),
    );
  const common = {
    resource,
    // https://learn.microsoft.com/rest/api/appservice/web-apps/sync-function-triggers
    mend:
      `azd deploy ${name}\n` +
      `az rest --method POST --url "${expected.siteId}/syncfunctiontriggers?api-version=2025-03-01"`,
  };
  return [
    question({
      ...common,
      id: `code/${name}/functions`,
      title: `${name}: the functions that the site has`,
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
    question({
      ...common,
      id: `code/${name}/package`,
      title: `${name}: the package that runs`,
      read: async () => {
        const reading = await together({ functions: azure.functions, build });
        if (reading.kind !== "found" || reading.value.functions.some(hasEntryPoint)) return reading;
        if (reading.value.functions.length === 0)
          return unseen("The site has no function: that is a finding of its own.");
        return unseen("Resource Manager does not say which file the functions are from (config.scriptFile).");
      },
      expected: "that of this commit",
      why: "Another commit, another folder or other people's code runs: what is proven here is not proven of it.",
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

/** What a site has, against what a build registers; where they agree, against how a service must register its functions. */
export function functionsFound(service: string, site: readonly Listed[], registered: readonly Listed[]): string {
  const found = listed(site.map(inWords), registered.map(inWords), AS_BUILT);
  const faults = registrationFaults(service, site);
  return found === AS_BUILT && faults.length > 0 ? wording(faults) : found;
}

interface Listed extends Registration {
  readonly isDisabled?: boolean;
}

/** What starts a function, and for whom. */
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
