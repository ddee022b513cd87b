/** Lets the machine that this runs on in to the SCM sites of a deployment, and out again: `npm run scm-access`. */
import { spawnSync } from "node:child_process";
import { environmentFor } from "../../environment.mjs";
import { endWithOutput } from "../../command-line.ts";
import { publicCloud } from "../public-cloud.ts";
import { runCommand } from "./command.ts";

const { resourceManager } = publicCloud;

/** A token as azd would deploy with. */
function accessToken(): string {
  const args = ["auth", "token", "--scope", `${resourceManager}/.default`, "--output", "json"];
  const { error, status, stdout, stderr } = spawnSync("azd", args, {
    encoding: "utf8",
    env: environmentFor("internet", "azure"),
    timeout: 60_000,
  });
  if (error !== undefined) throw new Error(`azd cannot be run (${error.message}): install it, or put it on the PATH.`);
  if (status !== 0) throw new Error(`azd gives no token: run azd auth login.\n${stderr.trim()}`);
  return (JSON.parse(stdout) as { readonly token: string }).token;
}

endWithOutput();
// Nothing is opened for a deployment that its hooks would refuse. Closing depends on nothing: no address may stay let in.
if (process.argv[2] === "open") await import("../../tools/access-policy.ts");
process.exitCode = await runCommand(process.argv.slice(2), process.env, { resourceManager, accessToken });
