// The options of a function that reads settings at the start.
import * as v from "valibot";
import { checkOptions } from "./options.ts";
import type { Environment, SettingNames } from "./settings.ts";

/** Where settings are read. */
export interface StartOptions<Setting extends string = string> {
  /** The app's name, for messages. Default: the name that App Service gives it (`WEBSITE_SITE_NAME`). */
  readonly app?: string | undefined;
  /** Default: `process.env`. */
  readonly environment?: Environment | undefined;
  /** The settings that have another name in this app: `{ API_CLIENT_ID: "INVOICES_CLIENT_ID" }`. */
  readonly settingNames?: SettingNames<Setting> | undefined;
}

/** Such options, with their defaults. */
export type Started<Schemas extends v.ObjectEntries> = v.InferOutput<v.StrictObjectSchema<Schemas, undefined>> & {
  readonly app: string;
  readonly environment: Environment;
  readonly settingNames: SettingNames;
};

/**
 * Validates such options, with those of the function itself.
 *
 * @param where the function's name, for the message
 * @param settings the settings that can have another name
 * @param schemas of the function's own options
 * @throws TypeError that names every mistake
 */
export function checkStartOptions<const Schemas extends v.ObjectEntries>(
  where: string,
  settings: readonly string[],
  schemas: Schemas,
  options: object,
): Started<Schemas> {
  const common = {
    app: v.pipe(v.optional(text), v.description("the app's name")),
    environment: v.pipe(v.optional(v.custom<Environment>(isObject)), v.description("an object of settings")),
    settingNames: v.pipe(
      v.optional(v.record(v.picklist(settings), text)),
      v.description(`an object of other names, for one or more of ${settings.join(", ")}`),
    ),
  };
  const checked = checkOptions(where, { ...schemas, ...common }, options);
  const { environment = process.env, settingNames = {} } = checked;
  return { ...checked, environment, settingNames, app: checked.app ?? environment["WEBSITE_SITE_NAME"] ?? "this app" };
}

const text = v.pipe(v.string(), v.nonEmpty());

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
