/** A user's own settings of an app, outside of `npm start`. */
import type { ServiceName } from "@restricted-calls/shared/access-policy";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type LocalSettings, readLocalSettings } from "../host/local-settings.ts";
import { settingNames } from "./app-settings.ts";
import { writeFile } from "../../tools/write-file.ts";

/** A value of the sample that the user replaces, or that is taken from the running system. */
const TO_FILL_IN = /^<.*>$/;

/** The user's own settings of an app. Not in `dist`, which every build deletes. Git ignores the file. */
export function ownSettingsFile(root: string, app: ServiceName): string {
  return join(root, app, "local.settings.json");
}

/**
 * Makes an app's own `local.settings.json` from `local.settings.sample.json`, with the settings of this app.
 *
 * @param root the repository's folder
 * @returns false where the file exists: it is not changed
 */
export async function makeOwnSettings(root: string, app: ServiceName): Promise<boolean> {
  const { Values, ...others } = readLocalSettings(join(root, "local.settings.sample.json"));
  const names = settingNames(app);
  const values = Object.fromEntries(Object.entries(Values).filter(([name]) => names.includes(name)));
  const text = `${JSON.stringify({ ...others, Values: values }, null, 2)}\n`;
  try {
    // "wx" fails where the file exists. The mode is for secrets that the user may write into it.
    await writeFile(ownSettingsFile(root, app), text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * The settings for an app outside of `npm start`: the user's own, with open values taken from the running system; without
 * own settings, those of the running system.
 *
 * @param root the repository's folder
 * @returns the settings, and the file that they are from
 * @throws Error that says what to do where there are none, and which values are still open
 */
export function settingsToRun(
  root: string,
  app: ServiceName,
): { readonly settings: LocalSettings; readonly file: string } {
  const own = ownSettingsFile(root, app);
  const systems = join(root, ".local", `${app}.settings.json`);
  const system = existsSync(systems) ? readLocalSettings(systems) : undefined;
  if (!existsSync(own)) {
    if (system !== undefined) return { settings: system, file: systems };
    throw new Error(
      `There are no settings for ${app} yet. Run "npm start -- --no-apps" in another terminal, which writes them; or ` +
        `"npm run settings", which makes ${own} for you to fill in.`,
    );
  }
  const settings = readLocalSettings(own);
  const values = Object.entries(settings.Values).map(
    ([name, value]) => [name, TO_FILL_IN.test(value) ? (system?.Values[name] ?? value) : value] as const,
  );
  const missing = values.filter(([, value]) => TO_FILL_IN.test(value)).map(([name]) => name);
  if (missing.length > 0) {
    throw new Error(
      `${own}: fill in ${missing.join(", ")}. Or run "npm start -- --no-apps" in another terminal, and they are taken from ` +
        "the system that runs there.",
    );
  }
  return { settings: { ...settings, Values: Object.fromEntries(values) }, file: own };
}
