import { settingPrefix } from "../../../tools/service-names.ts";
import { listed, type PlannedCheck, question, wording } from "../check.ts";
import { member, type Read, together } from "../azure/reading.ts";
import { isExpression } from "../expected.ts";
import { callerIds, identifierUri, policy, PROVISION, type Scene, type SceneService } from "../view.ts";

/** The id that nobody has: what a service lists whom nobody may call (infra/modules/service.bicep). */
const NOBODY = "00000000-0000-0000-0000-000000000000";

/** Only values of this form are ever shown: ids, and addresses without a path. Any other may be a secret. */
const SHOWN_VALUE =
  /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,(?=.)|$))+$|^https:\/\/[a-z0-9.-]+$|^api:\/\/[0-9a-f-]{36}\/[a-z0-9-]+(\/\.default)?$|^(managed|federated)-identity$/i;

/** The settings that the restriction hangs on, one by one; all others together, by their names. */
export function settingChecks(scene: Scene, service: SceneService): PlannedCheck[] {
  const { name, expected, azure } = service;
  const resource = `${expected.siteId}/config/appsettings`;
  const restricting = restrictingSettings(scene, service);
  const others = (expected.config.appSettings ?? []).filter(
    (stated) => !restricting.some(({ setting }) => setting === stated.name),
  );
  return [
    ...restricting.map(({ setting, means, value, why }) =>
      question({
        id: `sites/${name}/settings/${setting}`,
        title: `${name}: ${setting}`,
        resource,
        read: () => together({ settings: azure.settings, wanted: value }),
        expected: means,
        why,
        found: ({ settings, wanted }) => compared(settings[setting], wanted, means),
        mend: PROVISION,
      }),
    ),
    question({
      id: `sites/${name}/settings-changed`,
      title: `${name}: settings that are not as the template states them`,
      resource,
      read: azure.settings,
      expected: "none",
      why: "A setting can change how often orders are delivered, how much memory a request takes, or which version of the host runs.",
      found: (settings) =>
        wording(
          others.flatMap((stated) => {
            const found = settings[stated.name];
            if (found === undefined) return [`${stated.name} is missing`];
            return isExpression(stated.value) || found === stated.value ? [] : [stated.name];
          }),
        ),
      mend: PROVISION,
    }),
    question({
      id: `sites/${name}/settings-by-hand`,
      title: `${name}: settings that the template does not have`,
      resource,
      read: azure.settings,
      expected: "none",
      why: "A setting can change how the app checks tokens, or what it trusts. The next deployment removes it.",
      found: (settings) => wording(Object.keys(settings).filter((setting) => !expected.settingNames.includes(setting))),
      mend: PROVISION,
    }),
  ];
}

interface RestrictingSetting {
  readonly setting: string;
  /** What it says, for a person. */
  readonly means: string;
  /** The same as a value; of a list, the parts in any order. */
  readonly value: Read<string>;
  readonly why: string;
}

function restrictingSettings(scene: Scene, service: SceneService): RestrictingSetting[] {
  const { deployment, authorityHost } = scene;
  const known = (setting: string, value: string, why: string): RestrictingSetting => ({
    setting,
    means: value,
    value: () => Promise.resolve({ kind: "found", value }),
    why,
  });
  const trust = "Tokens of another authority or tenant would be as good as those of this one.";
  const { api, azure, client, callees, name } = service;
  return [
    known("AZURE_TENANT_ID", deployment.tenantId, trust),
    known("AZURE_AUTHORITY_HOST", authorityHost, trust),
    {
      ...known(
        "WEBSITE_RUN_FROM_PACKAGE",
        "1",
        "With an address in it, the app runs the code that is found there: nothing says that it checks tokens.",
      ),
      means: "the package that was deployed",
    },
    {
      setting: "AZURE_CLIENT_ID",
      means: `the client id of ${name}'s identity`,
      value: member(azure.identity, ({ clientId }) => clientId),
      why: "The app would ask for tokens as somebody else.",
    },
    ...(api === null
      ? []
      : [
          {
            setting: "API_CLIENT_ID",
            means: `the client id of ${name}'s app registration`,
            value: member(api.application, ({ appId }) => appId),
            why: "Tokens that were issued for another service would be accepted.",
          },
          known(
            "API_IDENTIFIER_URI",
            identifierUri(deployment, name),
            "Tokens that were issued for another service would be accepted.",
          ),
          allowedCallers(scene, service),
        ]),
    ...callees.flatMap((callee) => {
      const prefix = settingPrefix(callee);
      const url = scene.services.find((other) => other.name === callee)?.url ?? "";
      return [
        known(`${prefix}_URL`, url, "The caller would send its tokens to another address."),
        known(
          `${prefix}_SCOPE`,
          `${identifierUri(deployment, callee)}/.default`,
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
            why: "The app would ask for tokens as somebody else.",
          },
        ]),
  ];
}

function allowedCallers(scene: Scene, { name }: SceneService): RestrictingSetting {
  const callers = Object.keys(policy.services[name]?.callers ?? {});
  return {
    setting: "ALLOWED_CALLERS",
    means: callers.length === 0 ? "nobody's client id" : `the client id of ${callers.join(", ")}`,
    value: member(callerIds(scene, name, "clientId"), (ids) => Object.values(ids).join(",") || NOBODY),
    why: "Whoever is listed, and holds a role, is let in by the application layer.",
  };
}

function compared(found: string | undefined, wanted: string, means: string): string {
  if (found === undefined) return "not set";
  if (listed(found.split(","), wanted.split(","), means) === means) return means;
  return SHOWN_VALUE.test(found) ? found : "another value, which is not shown";
}
