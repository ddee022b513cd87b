import { Ajv } from "ajv";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { stage } from "../../tools/build.ts";
import { serviceOptions } from "../../tools/access-policy.ts";
import { isOwnedSetting } from "../../tools/policy-mistakes.ts";
import { readLocalSettings } from "../host/local-settings.ts";
import { settingNames } from "../system/app-settings.ts";
import { makeOwnSettings, settingsToRun } from "../system/own-settings.ts";

const repository = join(import.meta.dirname, "..", "..");
const apps = ["caller-func", "callee-func"] as const;

/** A repository's folder with nothing in it but the sample. */
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "own-settings-"));
  for (const folder of [...apps, ".local"]) await mkdir(join(root, folder));
  await copyFile(join(repository, "local.settings.sample.json"), join(root, "local.settings.sample.json"));
});
afterEach(() => rm(root, { recursive: true }));

const own = (): string => join(root, "caller-func", "local.settings.json");
const write = (file: string, Values: object): Promise<void> =>
  writeFile(file, JSON.stringify({ IsEncrypted: false, Values }));
const systemRan = (Values: object): Promise<void> => write(join(root, ".local", "caller-func.settings.json"), Values);

describe("npm run settings", () => {
  test("makes a file for each app, with the settings of that app only, for this user only", async () => {
    for (const app of apps) expect(await makeOwnSettings(root, app)).toBe(true);
    const names = apps.map((app) => Object.keys(readLocalSettings(join(root, app, "local.settings.json")).Values));
    expect(names[0]).toEqual(expect.arrayContaining(["AzureWebJobsStorage", "CALLEE_URL", "DELIVERY_SCHEDULE"]));
    expect(names[0]).not.toContain("DATA_TABLE_ENDPOINT");
    expect(names[1]).toEqual(expect.arrayContaining(["AzureWebJobsStorage", "ALLOWED_CALLERS"]));
    expect(names[1]).not.toContain("CALLEE_URL");
    if (process.platform !== "win32") expect((await stat(own())).mode & 0o777).toBe(0o600);
  });

  test("never touches a file that is there, whatever it holds", async () => {
    await writeFile(own(), "mine");
    expect(await makeOwnSettings(root, "caller-func")).toBe(false);
    expect(await readFile(own(), "utf8")).toBe("mine");
  });
});

test.each(apps)("what is made here for %s, no service option may override", (app) => {
  const { settings = {}, tableEndpointSetting } = serviceOptions[app] ?? {};
  const made = settingNames(app).filter((name) => !Object.hasOwn(settings, name) && name !== tableEndpointSetting);
  expect(made.filter((name) => !isOwnedSetting(name, apps))).toEqual([]);
});

describe("the settings that an app runs with", () => {
  test("are those of the system that runs or ran last, where the user has none", async () => {
    await systemRan({ CALLEE_URL: "http://127.0.0.1:7081" });
    expect(settingsToRun(root, "caller-func")).toMatchObject({
      file: join(root, ".local", "caller-func.settings.json"),
      settings: { Values: { CALLEE_URL: "http://127.0.0.1:7081" } },
    });
  });

  test("are the user's own alone, where there are any", async () => {
    await systemRan({ CALLEE_URL: "http://127.0.0.1:7081", RETENTION_DAYS: "30" });
    await write(own(), { CALLEE_URL: "https://mine.example" });
    const { settings, file } = settingsToRun(root, "caller-func");
    expect({ values: settings.Values, file }).toEqual({ values: { CALLEE_URL: "https://mine.example" }, file: own() });
  });

  test("take what the user has left to be filled in from the running system", async () => {
    await systemRan({ CALLEE_URL: "http://127.0.0.1:7081", RETENTION_DAYS: "30" });
    await write(own(), { CALLEE_URL: "<origin>", RETENTION_DAYS: "7" });
    expect(settingsToRun(root, "caller-func").settings.Values).toEqual({
      CALLEE_URL: "http://127.0.0.1:7081",
      RETENTION_DAYS: "7",
    });
  });

  test("are refused where something is left to be filled in and nothing fills it; all of it is named", async () => {
    await makeOwnSettings(root, "caller-func");
    expect(() => settingsToRun(root, "caller-func")).toThrow(
      /fill in AzureWebJobsStorage, AZURE_TENANT_ID, .*CALLEE_URL/,
    );
  });

  test("are asked for where there are none, with both ways to have some", () => {
    expect(() => settingsToRun(root, "caller-func")).toThrow(/npm start -- --no-apps.*npm run settings/);
  });
});

describe("a local.settings.json is read as Core Tools read it", () => {
  test("with comments and trailing commas, and never within a string", async () => {
    await writeFile(
      own(),
      `\uFEFF{
        // a comment, "quoted"
        "IsEncrypted": false, /* another
        one */
        "Host": { "CORS": "*" },
        "Values": { "URL": "https://one/*two*/", "LIST": "[1, ]", "QUOTED": "a \\"// b", "PORT": 7, "ON": true, },
      }`,
    );
    expect(readLocalSettings(own())).toEqual({
      IsEncrypted: false,
      Host: { CORS: "*" },
      Values: { URL: "https://one/*two*/", LIST: "[1, ]", QUOTED: 'a "// b', PORT: "7", ON: "true" },
    });
  });

  test.each([
    ["encrypted", `{ "IsEncrypted": true, "Values": { "A": "c2VjcmV0" } }`, /func settings decrypt/],
    ["no JSON", `{ "Values": { "A": secret } }`, /is not valid JSON/],
    ["cut off", `{ "Values": {\n "A": "secret" `, /is not valid JSON \(line 2 column \d+\)/],
    ["no object", `["secret"]`, /an object|a JSON object/],
    ["a value that is no text", `{ "Values": { "A": { "secret": 1 } } }`, /the value of A must be a string/],
  ])("and refused, without a word of its content, where it is %s", async (_name, text, message) => {
    await writeFile(own(), text);
    const error = (() => {
      try {
        return readLocalSettings(own());
      } catch (thrown) {
        return String(thrown);
      }
    })();
    expect(error).toMatch(message);
    expect(error).not.toMatch(/secret|c2VjcmV0/);
  });
});

test("a build deletes a local.settings.json that a start has staged, and refuses where it is the user's", async () => {
  const folder = join(root, "staged");
  await mkdir(folder);
  const file = join(folder, "local.settings.json");
  await writeFile(file, `{ "StagedBy": "a start" }`);
  await stage("callee-func", folder);
  expect(existsSync(file)).toBe(false);
  await writeFile(file, `{ "Values": {} }`);
  await expect(stage("callee-func", folder)).rejects.toThrow(
    /is your file.*move it to callee-func\/local\.settings\.json/,
  );
  expect(await readFile(file, "utf8")).toBe(`{ "Values": {} }`);
});

const schemas = join(repository, "..", "shared", "data", "schemas");
describe.skipIf(!existsSync(schemas))("the published JSON schemas", { tags: "needs-published-files" }, () => {
  test.each([
    ["functions-local.settings.schema.json", "local.settings.sample.json"],
    ["functions-host.schema.json", "host.json"],
  ])("%s takes %s", async (schemaFile, file) => {
    // Draft 4 and 7: what names the draft is taken out, for what is used of it is the same.
    const { $schema, id, ...schema } = JSON.parse(await readFile(join(schemas, schemaFile), "utf8")) as Record<
      string,
      unknown
    >;
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    const content: unknown = JSON.parse(await readFile(join(repository, file), "utf8"));
    expect(validate(content), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ IsEncrypted: "no", functionTimeout: 7 })).toBe(false);
  });
});
