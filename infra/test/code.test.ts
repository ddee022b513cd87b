import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { accessPolicy, serviceOptions, tableEndpointSetting } from "../../tools/access-policy.ts";
import { isOwnedSetting } from "../../tools/policy-mistakes.ts";
import { readSnapshot, siteOf, snapshotNames } from "../snapshot.ts";

const root = join(import.meta.dirname, "..", "..");
const sourceOf = (path: string): string => readFileSync(join(root, path), "utf8");

/**
 * What the platform and the libraries read, and no line of ours; what the choice of a credential reads; and the table
 * endpoint of a service that has not named it, which may have no use for it.
 */
const ELSEWHERE = /^(AzureWebJobs|WEBSITE_|FUNCTIONS_|APPLICATIONINSIGHTS_|AZURE_|CALLER_|DATA_TABLE_ENDPOINT)/;

/** The settings of a service by name, each with its schema's source. */
function settingsInCode(service: string): [name: string, schema: string][] {
  const [, ...parts] = sourceOf(`${service}/src/settings.ts`).split(/^ {4}([A-Z][A-Z0-9_]+):/m);
  return parts.flatMap((name, i) => (i % 2 === 0 ? [[name, parts[i + 1] ?? ""]] : []));
}

describe.each(Object.keys(accessPolicy.services))("the settings of %s", (service) => {
  const inCode = settingsInCode(service);
  const inTemplate = siteOf(readSnapshot("default"), service)?.properties?.siteConfig?.appSettings ?? [];
  const names = inTemplate.map(({ name }) => name);

  it("are all there that the code cannot do without", () => {
    const required = inCode.filter(([, schema]) => !schema.includes("v.optional(")).map(([name]) => name);
    expect(required.length).toBeGreaterThan(1);
    expect(names).toEqual(expect.arrayContaining(required));
  });

  it("are none that the code does not read", () => {
    expect(inCode.map(([name]) => name)).toEqual(expect.arrayContaining(names.filter((name) => !ELSEWHERE.test(name))));
  });
});

it.each(snapshotNames)("every setting of the snapshot %s is an option, or one that no option may override", (name) => {
  const services = Object.keys(accessPolicy.services);
  const open = services.flatMap((service) => {
    const { settings = {} } = serviceOptions[service] ?? {};
    const made = siteOf(readSnapshot(name), service)?.properties?.siteConfig?.appSettings ?? [];
    return made
      .map((setting) => setting.name)
      .filter((setting) => setting !== tableEndpointSetting(service) && !isOwnedSetting(setting, services))
      .filter((setting) => !Object.hasOwn(settings, setting));
  });
  expect(open).toEqual([]);
});

describe("the alerts", () => {
  const alerts = sourceOf("infra/modules/alerts.bicep");

  it.each([
    ["authorization", "event", ["shared/authorization/audit-event.ts"]],
    ["delivery-run", "run", ["shared/functions/delivery-timer.ts", "shared/outbox/outbox.ts"]],
  ])("read the event '%s' as the code logs it", (event, variable, files) => {
    const sources = files.map(sourceOf).join("\n");
    const fields = [...alerts.matchAll(new RegExp(`\\b${variable}\\.(\\w+)`, "g"))].map(([, field]) => field);
    expect(alerts).toContain(`'{"event":"${event}"'`);
    expect(sources).toMatch(new RegExp(`event: "${event}"`));
    expect(fields.length).toBeGreaterThan(2);
    for (const field of fields) expect(sources).toMatch(new RegExp(`\\b${field}\\b`));
  });
});
