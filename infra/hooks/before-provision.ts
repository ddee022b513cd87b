/** Runs before `azd provision`: fails early if a value or a permission is missing, and says what to do. */
// Ends the process if the access policy or the service options have mistakes.
import "../../tools/access-policy.ts";
import { configuredClouds, otherCloud } from "../azd.ts";
import { assess, graphClaims } from "./directory-permissions.ts";
import { reasonOf } from "../../tools/command-line.ts";
import { isPrepared, mistakes } from "./environment.ts";
import { examine, resourceManager } from "./landing-zone.ts";

const found = [otherCloud(configuredClouds()) ?? [], mistakes(process.env)].flat();
// Only values without a mistake can be asked about.
if (found.length === 0) {
  const ask = resourceManager();
  try {
    const { faults, notChecked } =
      ask === undefined
        ? { faults: [], notChecked: ["subnets and workspace of other teams, and policies: azd is not signed in"] }
        : await examine(process.env, ask);
    found.push(...faults);
    for (const line of notChecked) console.log(`Not checked: ${line}`);
  } catch (error) {
    found.push(`Resource Manager: ${reasonOf(error)}`);
  }
}
for (const mistake of found) console.error(mistake);

// No token shows a custom directory role. A deployer who has one switches this check off.
const skipped = process.env["RESTRICTED_ENTRA_PERMISSIONS_CHECK"] === "off";
const assessment = skipped || isPrepared(process.env) ? undefined : assess(graphClaims() ?? {});
if (assessment?.missing !== undefined) {
  console.error(
    `You may not register applications and assign their roles: you need ${assessment.missing}. Either a Privileged Role ` +
      `Administrator grants it to you, or a directory administrator deploys the Entra part (npm run entra) and you set the ` +
      `values that it prints: docs/deploy.md, "Splitting off the Entra part". If a custom role allows it to you: azd env set ` +
      "RESTRICTED_ENTRA_PERMISSIONS_CHECK off",
  );
} else if (assessment?.known === false) {
  console.log(
    "Your token does not show whether you may register applications. If you may not, the deployment fails there.",
  );
}

if (found.length > 0 || assessment?.missing !== undefined) process.exitCode = 1;
else console.log("Checked: all values are there. Elastic Premium plans and role assignments take a few minutes.");
