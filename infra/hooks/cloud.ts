import { spawnSync } from "node:child_process";
import { environmentFor } from "../../environment.mjs";
import { publicCloud } from "../public-cloud.ts";

/**
 * @param names what azd's settings and the environment's say for `cloud.name`; undefined where they say nothing
 * @returns a line that says what is wrong and what mends it; undefined in the public cloud
 */
export function otherCloud(names: readonly (string | undefined)[]): string | undefined {
  const other = names.find((name) => name !== undefined && name !== publicCloud.name);
  if (other === undefined) return undefined;
  return `azd is set to ${other}, and this system deploys to the public cloud only: azd config unset cloud.name (or azd env config unset cloud.name)`;
}

/** What azd's settings and the environment's say for `cloud.name`. */
export function configuredClouds(): (string | undefined)[] {
  return [["config"], ["env", "config"]].map((command) => {
    const { status, stdout } = spawnSync("azd", [...command, "get", "cloud.name"], {
      encoding: "utf8",
      env: environmentFor("internet", "azure"),
      timeout: 30_000,
    });
    return status === 0 ? stdout.trim().replaceAll('"', "") || undefined : undefined;
  });
}
