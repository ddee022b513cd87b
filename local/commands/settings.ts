import { join, relative } from "node:path";
import { apps } from "../../tools/build.ts";
import { command } from "../../tools/command-line.ts";
import { makeOwnSettings, ownSettingsFile } from "../system/own-settings.ts";

const USAGE = `Usage: npm run settings

Makes <app>/local.settings.json for each app from local.settings.sample.json, for npm run start:caller and start:callee: for
settings of your own. A file that is there already is never touched. Git ignores them. A value in <...> is to be filled in;
where you leave it, it is taken from the system that "npm start -- --no-apps" runs.

  --help   show this text`;

const root = join(import.meta.dirname, "..", "..");

await command(USAGE, {}, async () => {
  for (const app of apps) {
    const file = relative(process.cwd(), ownSettingsFile(root, app));
    console.log((await makeOwnSettings(root, app)) ? `Made ${file}` : `Left as it is: ${file}`);
  }
  return 0;
});
