/** What a deployment has at each point of a call: the checks of `verify --deployed` that bear on it. No call is made. */
import { settingPrefix } from "@restricted-calls/shared/access-policy";
import { type DeploymentOptions, deploymentSource } from "../deployed/source.ts";
import { matcherOf } from "../model/filter.ts";
import { type StepId, STEPS } from "../model/expectations.ts";
import type { Check } from "../model/report.ts";
import type { Progress } from "../progress.ts";
import type { ExplainedStep, Explanation } from "./explanation.ts";
import type { Question } from "./question.ts";

/**
 * Adds to each point of a call the checks of the deployment that bear on it. Also to those that the call does not reach by the
 * access policy: it may reach them in the deployment.
 *
 * @throws CannotStartError without a deployment or a signed-in account; Error at the signal
 */
export async function withDeployment(
  explanation: Explanation,
  question: Question,
  { progress, signal, ...options }: DeploymentOptions & { readonly progress: Progress; readonly signal?: AbortSignal },
): Promise<Explanation> {
  const { checks } = await deploymentSource(options);
  const bearing = bearingOn(question);
  const wanted = STEPS.map((step) => {
    const matchers = bearing[step].map((pattern) => matcherOf(pattern));
    return { step, planned: checks.filter(({ id }) => matchers.some((matches) => matches(id))) };
  });
  const planned = new Set(wanted.flatMap((one) => one.planned));
  progress.total(planned.size);
  const done = new Map<string, Check>();
  for (const check of planned) {
    signal?.throwIfAborted();
    done.set(check.id, await check.run());
    progress.step(check.id);
  }
  progress.end();
  const steps = explanation.steps.map((step): ExplainedStep => {
    const own = wanted.find((one) => one.step === step.id)?.planned ?? [];
    return { ...step, checks: own.flatMap(({ id }) => done.get(id) ?? []) };
  });
  return { ...explanation, steps, summary: summaryOf(explanation.summary, [...done.values()]) };
}

/**
 * The ids of the checks that bear on each point, as for `verify --only`. Those of the caller's identity only if it calls with
 * its own, and those of its network only if the call comes from there.
 */
function bearingOn({ situation, origin, kind }: Question): Readonly<Record<StepId, readonly string[]>> {
  const { service, role } = situation.operation;
  const prefix = settingPrefix(service);
  // No check is about a kind of caller that the policy does not name.
  const caller = kind.id;
  const { callerOf } = origin;
  const network = callerOf === null || callerOf === service ? null : callerOf;
  const within = (area: string, owner: string | null, ids: readonly string[]): string[] =>
    owner === null ? [] : ids.map((id) => `${area}/${owner}/${id}`);
  const settings = (owner: string | null, names: readonly string[]): string[] =>
    within(
      "sites",
      owner,
      names.map((name) => `settings/${name}`),
    );
  const isGranted = Object.hasOwn(situation.policy.services[service]?.callers ?? {}, caller);
  const authority = ["AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST"];
  const credential = ["AZURE_CLIENT_ID", "CALLER_CREDENTIAL", "CALLER_APP_CLIENT_ID", `${prefix}_SCOPE`];
  return {
    token: [
      ...within("directory", service, ["registration", "identifier-uri", "enabled", "assignment-required"]),
      ...within("directory", caller, ["identity", "identity-enabled", "client-enabled", "client-federation"]),
      ...within("external", caller, ["service-principal", "enabled"]),
      ...within("sites", caller, ["identity"]),
      ...settings(caller, [...authority, ...credential]),
      ...within("assignments", service, [isGranted ? caller : "outside-policy"]),
    ],
    network: [
      ...within("restrictions", service, ["main"]),
      ...within("sites", service, ["private-endpoints"]),
      ...settings(caller, [`${prefix}_URL`]),
      ...within("network", network, ["subnet", "routing", "service-endpoints", "security-group", "outbound"]),
      ...within("external", network, ["service-endpoint"]),
    ],
    host: [
      ...within("sites", service, ["exists", "admin-isolation", "authentication", "authentication-callers", "runtime"]),
      ...settings(service, ["WEBSITE_RUN_FROM_PACKAGE"]),
      ...within("code", service, ["functions", "package"]),
    ],
    "token-check": [
      ...settings(service, [...authority, "API_CLIENT_ID", "API_IDENTIFIER_URI", "REPORT_ONLY_UNTIL"]),
      ...within("sites", service, ["settings-by-hand"]),
      ...within("directory", service, ["token-version"]),
    ],
    "allow-list": [...settings(service, ["ALLOWED_CALLERS"]), ...within("sites", service, ["settings-by-hand"])],
    role:
      role === null
        ? []
        : [
            ...within("directory", service, ["app-roles"]),
            ...within("assignments", service, [...(isGranted ? [`${caller}/${role}`] : []), "outside-policy"]),
          ],
  };
}

/** 1: the deployment differs; 2: nothing differs, and something could not be read; 0 otherwise. */
export function exitCodeOfDeployment({ steps }: Explanation): 0 | 1 | 2 {
  const results = steps.flatMap(({ checks = [] }) => checks.map(({ result }) => result));
  if (results.includes("finding")) return 1;
  return results.includes("not-checked") ? 2 : 0;
}

/** @param byTemplate the outcome by the access policy and the template, which holds only for a deployment that is like them */
function summaryOf(byTemplate: string, checks: readonly Check[]): string {
  const number = (result: Check["result"]): number => checks.filter((check) => check.result === result).length;
  const [different, unread] = [number("finding"), number("not-checked")];
  const condition = `By the policy and the template: ${byTemplate}`;
  if (different > 0) return `The deployment differs in ${different} of ${checks.length} values, above. ${condition}`;
  if (unread > 0) return `${unread} of ${checks.length} values could not be read, above. ${condition}`;
  return `${byTemplate} The deployment is as the template says: ${checks.length} values that bear on this call.`;
}
