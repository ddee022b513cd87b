import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
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

/** A schema of a setting: https://standardschema.dev */
interface Schema {
  readonly "~standard": { readonly validate: (value: unknown) => { readonly issues?: unknown } };
}

/** The settings that a service reads as it starts, each with its schema. */
async function settingsInCode(service: string): Promise<Readonly<Record<string, Schema>>> {
  const read: Record<string, Schema> = {};
  vi.resetModules();
  vi.doMock("@restricted-calls/shared/settings", async (original) => ({
    ...(await original<object>()),
    readSettings: (_app: string, schemas: Record<string, Schema>) => Object.assign(read, schemas),
  }));
  await import(`../../${service}/src/settings.ts`);
  return read;
}

afterAll(() => {
  vi.doUnmock("@restricted-calls/shared/settings");
  vi.resetModules();
});

describe.each(Object.keys(accessPolicy.services))("the settings of %s", (service) => {
  const inTemplate = siteOf(readSnapshot("default"), service)?.properties?.siteConfig?.appSettings ?? [];
  const names = inTemplate.map(({ name }) => name);

  it("are all there that the code cannot do without", async () => {
    const required = Object.entries(await settingsInCode(service)).flatMap(([name, schema]) =>
      schema["~standard"].validate(undefined).issues === undefined ? [] : [name],
    );
    expect(required.length).toBeGreaterThan(1);
    expect(names).toEqual(expect.arrayContaining(required));
  });

  it("are none that the code does not read", async () => {
    const read = Object.keys(await settingsInCode(service));
    expect(read).toEqual(expect.arrayContaining(names.filter((name) => !ELSEWHERE.test(name))));
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
