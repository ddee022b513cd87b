// Reads and validates an app's settings.
import * as v from "valibot";

/** The process's environment, with the app settings. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Other names of settings: `{ API_CLIENT_ID: "INVOICES_CLIENT_ID" }`. */
export type SettingNames<Name extends string = string> = Readonly<Partial<Record<Name, string>>>;

/**
 * Reads an app's settings, once, at start-up.
 *
 * @param app the app's name, for the message
 * @param schemas a schema for each setting, its `v.description` saying what is expected
 * @param environment where they are; empty counts as missing
 * @param names of settings that have another name there than in `schemas`; the message has that name
 * @returns the settings by their names in `schemas`
 * @throws SettingsError that names every mistake, and no value
 */
export function readSettings<const Schemas extends v.ObjectEntries>(
  app: string,
  schemas: Schemas,
  environment: Environment,
  names: SettingNames = {},
): v.InferOutput<v.ObjectSchema<Schemas, undefined>> {
  const wrong: string[] = [];
  const read = Object.entries(schemas).map(([name, schema]) => {
    const setting = names[name] ?? name;
    const value = environment[setting] === "" ? undefined : environment[setting];
    const result = v.safeParse(schema, value);
    if (!result.success) {
      wrong.push(`${setting} is ${value === undefined ? "missing" : "invalid"}: expected ${describe(schema)}`);
    }
    return [name, result.output] as const;
  });
  if (wrong.length > 0) throw new SettingsError(app, wrong);
  return Object.fromEntries(read) as v.InferOutput<v.ObjectSchema<Schemas, undefined>>;
}

/** The app cannot start with its settings. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";

  constructor(app: string, wrong: readonly string[]) {
    super(`These app settings of ${app} need attention:\n${wrong.map((line) => `  - ${line}`).join("\n")}`);
  }
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A tenant, client or object id. Entra writes them in lower case, so they compare in lower case. */
export const guid = v.pipe(v.string(), v.regex(GUID), v.toLowerCase(), v.description("a GUID"));

/** GUIDs, separated by commas. */
export const guids = v.pipe(
  v.string(),
  v.transform((list) => list.split(",").map((item) => item.trim())),
  v.array(guid),
  v.description("GUIDs separated by commas"),
);

/** A web origin without trailing slash; plain http only for loopback addresses. */
export const origin = v.pipe(
  v.string(),
  v.check((text) => URL.canParse(text) && isSecure(text) && new URL(text).origin === text),
  v.description("an https:// origin without path or trailing slash"),
);

/** The origin of Entra ID. */
export const authorityHost = v.optional(origin, "https://login.microsoftonline.com");

/** The endpoint of a storage account's table service. */
export const tableEndpoint = v.pipe(
  v.string(),
  v.check((text) => URL.canParse(text) && new URL(text).protocol === "https:"),
  v.description("the https:// endpoint of a storage account's table service"),
);

/** True for https, and for http to a loopback address. */
export function isSecure(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(hostname));
}

/** The description of the schema, or of the one that it wraps: an optional setting has it inside. */
function describe(schema: v.GenericSchema | v.GenericSchemaAsync): string {
  const inner = "wrapped" in schema ? (schema.wrapped as v.GenericSchema) : undefined;
  return v.getDescription(schema) ?? (inner === undefined ? schema.expects : describe(inner));
}
