/** npm run settings: makes each app's own local.settings.json. */
import { join, relative } from "node:path";
import { apps } from "../../tools/build.ts";
import { command } from "../../tools/command-line.ts";
import { makeOwnSettings, ownSettingsFile } from "../system/own-settings.ts";

const USAGE = `Usage: npm run settings

Makes <app>/local.settings.json for each app from local.settings.sample.json. npm run start:... uses it.
Never changes an existing file. Git ignores these files. Replace values in <...>, or leave them: they are then taken from
the system that "npm start -- --no-apps" runs.

  --help   show this text`;

const root = join(import.meta.dirname, "..", "..");

await command(USAGE, {}, async () => {
  for (const app of apps) {
    const file = relative(process.cwd(), ownSettingsFile(root, app));
    console.log((await makeOwnSettings(root, app)) ? `Made ${file}` : `Not changed: ${file}`);
  }
  return 0;
});
