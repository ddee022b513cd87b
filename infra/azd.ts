/** What azd tells about whoever deploys: an access token, and the cloud that it is set to. */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { environmentFor } from "../tools/environment.mjs";
import { publicCloud } from "./public-cloud.ts";

/**
 * An access token of whoever azd is signed in as. The SCM sites take the one for Resource Manager.
 *
 * @param origin the API's: Resource Manager's, or Microsoft Graph's
 * @throws Error with what to do, where there is no token to be had
 */
export function accessToken(origin: string = publicCloud.resourceManager): string {
  const { error, status, stdout, stderr } = azd("auth", "token", "--scope", `${origin}/.default`, "--output", "json");
  if (error !== undefined) throw new Error(`azd cannot be run (${error.message}): install it, or put it on the PATH.`);
  if (status !== 0) throw new Error(`azd gives no token: run azd auth login.\n${stderr.trim()}`);
  return (JSON.parse(stdout) as { readonly token: string }).token;
}

/** The values of `cloud.name` in azd's settings and in the environment's; undefined where it is not set. */
export function configuredClouds(): (string | undefined)[] {
  return [["config"], ["env", "config"]].map((command) => {
    const { status, stdout } = azd(...command, "get", "cloud.name");
    return status === 0 ? stdout.trim().replaceAll('"', "") || undefined : undefined;
  });
}

/**
 * @param names the configured clouds
 * @returns a line that says what is wrong and how to fix it; undefined in the public cloud
 */
export function otherCloud(names: readonly (string | undefined)[]): string | undefined {
  const other = names.find((name) => name !== undefined && name !== publicCloud.name);
  if (other === undefined) return undefined;
  return `azd is set to ${other}, and this system deploys to the public cloud only: azd config unset cloud.name (or azd env config unset cloud.name)`;
}

function azd(...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync("azd", args, { encoding: "utf8", env: environmentFor("internet", "azure"), timeout: 60_000 });
}
