/** Compares the hand-written responses of the fake Azure with the examples that Microsoft publishes, if these are present. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { byHand, ids, resource, SUFFIX } from "./deployed/answers.ts";

const examples = join(import.meta.dirname, "..", "..", "..", "shared", "data", "rest-examples");

interface Published {
  readonly file: string;
  readonly address: string;
  /** What the example does not have: built on it, by the reference of the API. */
  readonly added: readonly string[];
}

const written = byHand({ urls: {}, entryPoints: {} });
const site = resource.site("callee-func");
const published: readonly Published[] = [
  {
    file: "WebApps_Get.2026-03-15.json",
    address: `GET ${site}`,
    added: [
      "identity",
      "properties.endToEndEncryptionEnabled",
      "properties.functionsRuntimeAdminIsolationEnabled",
      "properties.publicNetworkAccess",
      "properties.sshEnabled",
      "properties.virtualNetworkSubnetId",
    ],
  },
  {
    file: "WebApps_GetConfiguration.2026-03-15.json",
    address: `GET ${site}/config/web`,
    added: [
      "properties.ipSecurityRestrictions",
      "properties.ipSecurityRestrictionsDefaultAction",
      "properties.scmIpSecurityRestrictions",
      "properties.scmIpSecurityRestrictionsDefaultAction",
      "properties.scmIpSecurityRestrictionsUseMain",
    ],
  },
  {
    file: "WebApps_GetFtpAllowed.2026-03-15.json",
    address: `GET ${site}/basicPublishingCredentialsPolicies/ftp`,
    added: [],
  },
  {
    file: "WebApps_GetScmAllowed.2026-03-15.json",
    address: `GET ${site}/basicPublishingCredentialsPolicies/scm`,
    added: [],
  },
  { file: "UserAssignedIdentities_Get.2026-05-31.json", address: `GET ${resource.identity("callee-func")}`, added: [] },
  {
    file: "Subnets_Get.WithDelegation.2025-07-01.json",
    address: `GET ${resource.subnet("callee-func")}`,
    added: ["properties.networkSecurityGroup", "properties.serviceAssociationLinks", "properties.serviceEndpoints"],
  },
  {
    file: "StorageAccounts_GetProperties.2026-04-01.json",
    address: `GET ${resource.account("stdatacallee")}`,
    added: [
      "properties.allowSharedKeyAccess",
      "properties.allowBlobPublicAccess",
      "properties.minimumTlsVersion",
      "properties.networkAcls.virtualNetworkRules.0",
      "properties.sasPolicy",
    ],
  },
  {
    file: "WebApps_GetAuthSettingsV2WithoutSecrets.2026-03-15.json",
    address: `GET ${site}/config/authsettingsV2`,
    added: [],
  },
  {
    file: "RoleAssignments_ListForScope.2022-04-01.json",
    address: `GET ${resource.account("stdatacallee")}/providers/Microsoft.Authorization/roleAssignments`,
    added: [],
  },
  {
    file: "graph/application-get.json",
    address: `GET /v1.0/applications(uniqueName='callee-func-${SUFFIX}')`,
    added: ["appRoles.0", "identifierUris.0"],
  },
  { file: "graph/servicePrincipal-get.json", address: `GET /v1.0/servicePrincipals(appId='${ids.api}')`, added: [] },
  {
    file: "graph/servicePrincipal-list-appRoleAssignedTo.json",
    address: `GET /v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo`,
    added: ["@odata.nextLink"],
  },
];

describe.skipIf(!existsSync(examples))("answers as published", { tags: "needs-published-files" }, () => {
  it.each(published)("$file", ({ file, address, added }) => {
    expect(strays(written[address]?.body, bodyOf(file)).sort()).toEqual([...added].sort());
  });

  it("App settings are a plain object of texts, which is why none may be shown", () => {
    const { properties } = bodyOf("WebApps_ListApplicationSettings.2026-03-15.json") as { properties: object };
    for (const value of Object.values(properties)) expect(value).toBeTypeOf("string");
  });

  it("an app role", () => {
    const mine = written[`GET /v1.0/applications(uniqueName='callee-func-${SUFFIX}')`]?.body as {
      appRoles: unknown[];
    };
    const theirs = bodyOf("graph/servicePrincipal-get-select-appRoles.json") as { appRoles: unknown[] };
    expect(strays(mine.appRoles[0], theirs.appRoles[0])).toEqual([]);
  });

  it("a rule: the platform's own are as in the published function app", () => {
    const { properties } = bodyOf("WebApps_CreateOrUpdate.FlexConsumption.2025-05-01.json") as {
      properties: { siteConfig: { ipSecurityRestrictions: unknown[] } };
    };
    const [theirs] = properties.siteConfig.ipSecurityRestrictions;
    const mine = written[`GET ${site}/config/web`]?.body as {
      properties: { ipSecurityRestrictions: unknown[] };
    };
    const added = mine.properties.ipSecurityRestrictions.at(-1);
    expect(strays(added, theirs)).toEqual([]);
    expect(theirs).toMatchObject({ ipAddress: "Any", priority: 2147483647 });
  });
});

/** Where an answer has what the example has not, or another type; nothing where either is null or an empty list. */
function strays(mine: unknown, theirs: unknown, path = ""): string[] {
  if (mine === null || theirs === null) return [];
  if (Array.isArray(mine) && Array.isArray(theirs)) {
    if (mine.length === 0) return [];
    return theirs.length === 0 ? [`${path}.0`] : strays(mine[0], theirs[0], `${path}.0`);
  }
  if (typeof mine !== typeof theirs || Array.isArray(mine) !== Array.isArray(theirs)) return [path];
  if (typeof mine !== "object") return [];
  const members = theirs as Record<string, unknown>;
  return Object.entries(mine).flatMap(([name, value]) => {
    const here = path === "" ? name : `${path}.${name}`;
    return name in members ? strays(value, members[name], here) : [here];
  });
}

function bodyOf(file: string): unknown {
  const example = JSON.parse(readFileSync(join(examples, file), "utf8")) as {
    responses?: Record<string, { body: unknown }>;
  };
  return example.responses === undefined ? example : example.responses["200"]?.body;
}
