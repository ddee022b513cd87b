/** Calls azd for the access token and the configured cloud of the person or pipeline that deploys. */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { environmentFor } from "../tools/environment.mjs";
import { publicCloud } from "./public-cloud.ts";

/** Milliseconds: azd may renew the sign-in before it prints a token. */
const TOKEN_TIMEOUT_MS = 60_000;
/** Milliseconds to read a configuration value. */
const CONFIG_TIMEOUT_MS = 30_000;

/**
 * An access token for the account that azd is signed in with. The SCM sites accept the one for Resource Manager.
 *
 * @param origin Resource Manager's origin, or Microsoft Graph's
 * @throws Error that says what to do, if azd is missing or not signed in
 */
export function accessToken(origin: string = publicCloud.resourceManager, timeoutMs = TOKEN_TIMEOUT_MS): string {
  const { error, status, stdout, stderr } = azd(
    ["auth", "token", "--scope", `${origin}/.default`, "--output", "json"],
    timeoutMs,
  );
  if (error !== undefined) throw new Error(`azd cannot be run (${error.message}): install it, or put it on the PATH.`);
  if (status !== 0) throw new Error(`azd gives no token: run azd auth login.\n${stderr.trim()}`);
  return (JSON.parse(stdout) as { readonly token: string }).token;
}

/** The values of `cloud.name` in azd's configuration and in the environment's; undefined if it is not set. */
export function configuredClouds(): (string | undefined)[] {
  return [["config"], ["env", "config"]].map((command) => {
    const { status, stdout } = azd([...command, "get", "cloud.name"], CONFIG_TIMEOUT_MS);
    return status === 0 ? stdout.trim().replaceAll('"', "") || undefined : undefined;
  });
}

/**
 * @param names the configured clouds
 * @returns a line that says what is wrong and how to fix it; undefined if all of them are the public cloud
 */
export function otherCloud(names: readonly (string | undefined)[]): string | undefined {
  const other = names.find((name) => name !== undefined && name !== publicCloud.name);
  if (other === undefined) return undefined;
  return `azd is set to ${other}, and this system deploys to the public cloud only: azd config unset cloud.name (or azd env config unset cloud.name)`;
}

function azd(args: readonly string[], timeoutMs: number): SpawnSyncReturns<string> {
  return spawnSync("azd", args, { encoding: "utf8", env: environmentFor("internet", "azure"), timeout: timeoutMs });
}
