import { spawnSync } from "node:child_process";
import { environmentFor } from "../../environment.mjs";
import { publicCloud } from "../public-cloud.ts";

/**
 * A token for Resource Manager, as azd would deploy with. The SCM sites take the same one.
 *
 * @throws Error with what to do, where there is none to be had
 */
export function accessToken(): string {
  const args = ["auth", "token", "--scope", `${publicCloud.resourceManager}/.default`, "--output", "json"];
  const { error, status, stdout, stderr } = spawnSync("azd", args, {
    encoding: "utf8",
    env: environmentFor("internet", "azure"),
    timeout: 60_000,
  });
  if (error !== undefined) throw new Error(`azd cannot be run (${error.message}): install it, or put it on the PATH.`);
  if (status !== 0) throw new Error(`azd gives no token: run azd auth login.\n${stderr.trim()}`);
  return (JSON.parse(stdout) as { readonly token: string }).token;
}
