/** Checks of the app settings: one for each setting that the restriction depends on, and two for all others. */
import { settingPrefix } from "@restricted-calls/shared/access-policy";
import type { PlannedCheck } from "../../model/plan.ts";
import { listed, plannedCheck, wording } from "../check.ts";
import { found, member, type Read, together } from "../azure/reading.ts";
import { isExpression } from "../expected.ts";
import { PROVISION } from "../fixes.ts";
import { callerIds, type DeploymentView, type ServiceView } from "../view.ts";

/** An id that nobody has: the allow-list of a service that nobody may call (infra/modules/service.bicep). */
const NOBODY = "00000000-0000-0000-0000-000000000000";

/** The date until which the guard of a service with roles only reports. */
const REPORT_ONLY = "REPORT_ONLY_UNTIL";

/** Only these values are shown: ids, and addresses without a path. Any other may be a secret. */
const SHOWN_VALUE =
  /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,(?=.)|$))+$|^https:\/\/[a-z0-9.-]+$|^api:\/\/[0-9a-f-]{36}\/[a-z0-9-]+(\/\.default)?$|^(managed|federated)-identity$/i;

export function settingChecks(view: DeploymentView, service: ServiceView): PlannedCheck[] {
  const { name, azure, siteId, config, settingNames } = service;
  const resource = `${siteId}/config/appsettings`;
  const restricting = restrictingSettings(view, service);
  const known = service.api === null ? settingNames : [...settingNames, REPORT_ONLY];
  const others = (config.appSettings ?? []).filter(
    (stated) => !restricting.some(({ setting }) => setting === stated.name),
  );
  return [
    ...restricting.map(({ setting, means, value, why }) =>
      plannedCheck({
        id: `sites/${name}/settings/${setting}`,
        title: `${name}: ${setting}`,
        resource,
        read: () => together({ settings: azure.settings, wanted: value }),
        expected: means,
        why,
        found: ({ settings, wanted }) => compared(settings[setting], wanted, means),
        fix: PROVISION,
      }),
    ),
    ...(service.api === null ? [] : [reportOnly(service)]),
    plannedCheck({
      id: `sites/${name}/settings-changed`,
      title: `${name}: settings that differ from the template`,
      resource,
      read: azure.settings,
      expected: "none",
      why: "A setting can change how often a timer runs, how much memory a request takes, or which version of the host runs.",
      found: (settings) =>
        wording(
          others.flatMap((stated) => {
            const value = settings[stated.name];
            if (value === undefined) return [`${stated.name} is missing`];
            return isExpression(stated.value) || value === stated.value ? [] : [stated.name];
          }),
        ),
      fix: PROVISION,
    }),
    plannedCheck({
      id: `sites/${name}/settings-by-hand`,
      title: `${name}: settings that the template does not have`,
      resource,
      read: azure.settings,
      expected: "none",
      why: "A setting can change how the app checks tokens, or what it trusts. The next deployment removes it.",
      found: (settings) => wording(Object.keys(settings).filter((setting) => !known.includes(setting))),
      fix: PROVISION,
    }),
  ];
}

function reportOnly({ name, azure, siteId }: ServiceView): PlannedCheck {
  return plannedCheck({
    id: `sites/${name}/settings/${REPORT_ONLY}`,
    title: `${name}: ${REPORT_ONLY}`,
    resource: `${siteId}/config/appsettings`,
    read: azure.settings,
    expected: "not set",
    why: "Until the date in it, the app lets every call through, and only reports those that it would refuse.",
    found: (settings) => ((settings[REPORT_ONLY] ?? "") === "" ? "not set" : "set"),
    fix: `# If infra/service-options.json has it, remove it there.\n${PROVISION}`,
  });
}

interface RestrictingSetting {
  readonly setting: string;
  /** The expected value in words. */
  readonly means: string;
  /** The expected value. Lists may have any order. */
  readonly value: Read<string>;
  readonly why: string;
}

function restrictingSettings(view: DeploymentView, service: ServiceView): RestrictingSetting[] {
  const { deployment, authorityHost } = view;
  const known = (setting: string, value: string, why: string): RestrictingSetting => ({
    setting,
    means: value,
    value: () => Promise.resolve(found(value)),
    why,
  });
  const trust = "Tokens of another authority or tenant would be accepted.";
  const { api, registration, azure, client, callees, name } = service;
  return [
    known("AZURE_TENANT_ID", deployment.tenantId, trust),
    known("AZURE_AUTHORITY_HOST", authorityHost, trust),
    {
      ...known(
        "WEBSITE_RUN_FROM_PACKAGE",
        "1",
        "With an address as value, the app runs the code at that address, which need not check tokens.",
      ),
      means: "the package that was deployed",
    },
    {
      setting: "AZURE_CLIENT_ID",
      means: `the client id of ${name}'s identity`,
      value: member(azure.identity, ({ clientId }) => clientId),
      why: "The app would ask for tokens as another client.",
    },
    ...(api === null || registration === null
      ? []
      : [
          {
            setting: "API_CLIENT_ID",
            means: `the client id of ${name}'s app registration`,
            value: member(registration.application, ({ appId }) => appId),
            why: "Tokens that were issued for another service would be accepted.",
          },
          known(
            "API_IDENTIFIER_URI",
            api.identifierUri,
            "Tokens that were issued for another service would be accepted.",
          ),
          allowedCallers(view, service),
        ]),
    ...callees.flatMap((callee) => {
      const prefix = settingPrefix(callee);
      const called = view.services.find((other) => other.name === callee);
      return [
        known(`${prefix}_URL`, called?.url ?? "", "The caller would send its tokens to another address."),
        known(
          `${prefix}_SCOPE`,
          `${called?.api?.identifierUri ?? ""}/.default`,
          "The caller would ask for tokens of another service.",
        ),
      ];
    }),
    ...(callees.length === 0
      ? []
      : [
          known(
            "CALLER_CREDENTIAL",
            deployment.callerCredential,
            "A secret in a setting can be read, and used elsewhere.",
          ),
        ]),
    ...(client === null
      ? []
      : [
          {
            setting: "CALLER_APP_CLIENT_ID",
            means: `the client id of the app registration that ${name} calls as`,
            value: service.clientId,
            why: "The app would ask for tokens as another client.",
          },
        ]),
  ];
}

function allowedCallers(view: DeploymentView, service: ServiceView): RestrictingSetting {
  const callers = Object.keys(service.callers);
  return {
    setting: "ALLOWED_CALLERS",
    means: callers.length === 0 ? "nobody's client id" : `the client id of ${callers.join(", ")}`,
    value: member(callerIds(view, service, "clientId"), (ids) => Object.values(ids).join(",") || NOBODY),
    why: "The application layer lets in every listed caller with a role.",
  };
}

function compared(value: string | undefined, wanted: string, means: string): string {
  if (value === undefined) return "not set";
  if (listed(value.split(","), wanted.split(","), means) === means) return means;
  return SHOWN_VALUE.test(value) ? value : "another value, which is not shown";
}
