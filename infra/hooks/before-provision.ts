/** Runs before `azd provision`: fails early, with what to do, where a value or a permission is missing. */
// Ends here where the access policy or the service options have mistakes.
import "../../tools/access-policy.ts";
import { configuredClouds, otherCloud } from "../azd.ts";
import { graphClaims, judge } from "./directory-permissions.ts";
import { isPrepared, mistakes } from "./environment.ts";

const found = [otherCloud(configuredClouds()) ?? [], mistakes(process.env)].flat();
for (const mistake of found) console.error(mistake);

// A custom directory role shows in no token, and whoever has one can say so.
const skipped = process.env["RESTRICTED_ENTRA_PERMISSIONS_CHECK"] === "off";
const verdict = skipped || isPrepared(process.env) ? undefined : judge(graphClaims() ?? {});
if (verdict?.missing !== undefined) {
  console.error(
    `You may not register applications and assign their roles: that takes ${verdict.missing}. Either a Privileged Role ` +
      `Administrator grants it to you, or a directory administrator deploys the Entra part (npm run entra) and you take ` +
      `over what that prints: docs/deploy.md, "Splitting off the Entra part". Where you may by a custom role: azd env set ` +
      "RESTRICTED_ENTRA_PERMISSIONS_CHECK off",
  );
} else if (verdict?.known === false) {
  console.log("Whether you may register applications could not be seen beforehand. The deployment will tell.");
}

if (found.length > 0 || verdict?.missing !== undefined) process.exitCode = 1;
else console.log("Checked: all values are there. Elastic Premium plans and role assignments take a few minutes.");
