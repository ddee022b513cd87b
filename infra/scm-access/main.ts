/** Lets the machine that this runs on in to the SCM sites of a deployment, and out again: `npm run scm-access`. */
import { endWithOutput } from "../../tools/command-line.ts";
import { accessToken } from "../azd.ts";
import { publicCloud } from "../public-cloud.ts";
import { runCommand } from "./command.ts";

const { resourceManager } = publicCloud;

endWithOutput();
// Nothing is opened for a deployment that its hooks would refuse. Closing depends on nothing: no address may stay let in.
if (process.argv[2] === "open") await import("../../tools/access-policy.ts");
process.exitCode = await runCommand(process.argv.slice(2), process.env, { resourceManager, accessToken });
