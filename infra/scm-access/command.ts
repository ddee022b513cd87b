import { parseArgs } from "node:util";
import { reasonOf } from "../../tools/command-line.ts";
import { close, open, type Options, RUNNER_RULE } from "./index.ts";

const HELP = `Usage: npm run scm-access -- open | close [--all]

Lets this machine in to the SCM sites of a deployment, for as long as azd deploy takes.

  npm run scm-access -- open          adds an access restriction for this machine's address, and waits for its effect
  npm run scm-access -- close         removes it, checks that it is gone, and waits until the sites refuse this machine
  npm run scm-access -- close --all   removes those of all runs, also of one that could not
  --help                              show this text

The access restriction is called ${RUNNER_RULE}<GITHUB_RUN_ID>, or ${RUNNER_RULE}manual elsewhere. Reads
AZURE_SUBSCRIPTION_ID, and AZURE_ENV_NAME or AZURE_RESOURCE_GROUP; signs in as azd does.

Exit code 0: done, and seen to be. 1: not done, or not seen to be, and why. 2: called wrongly.
`;

/** Where Azure is, and who asks. */
export interface Azure {
  /** Resource Manager's origin. */
  readonly resourceManager: string;
  /** @throws Error with what to do, where there is no token to be had */
  readonly accessToken: () => string;
}

/** @returns the exit code, as the help explains it; what went wrong is on stderr */
export async function runCommand(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
  azure: Azure,
  options: Options = {},
): Promise<number> {
  const request = readArguments(argv);
  if (request === undefined) console.error("It takes open, close, or close --all. --help shows the usage.");
  else if (request.help) console.log(HELP);
  if (request === undefined || request.help) return request === undefined ? 2 : 0;
  try {
    const own = `${RUNNER_RULE}${environment["GITHUB_RUN_ID"] ?? "manual"}`;
    const { resourceManager } = azure;
    const deployment = { ...deploymentOf(environment), resourceManager, token: azure.accessToken() };
    if (request.command === "open") await open(deployment, own, options);
    else await close(deployment, (name) => (request.all ? name.startsWith(RUNNER_RULE) : name === own), options);
    return 0;
  } catch (error) {
    console.error(reasonOf(error));
    if (request.command === "close") {
      console.error("An address may still be let in to an SCM site: docs/delivery.md says what to do.");
    }
    return 1;
  }
}

interface Request {
  readonly command: string;
  readonly all: boolean;
  readonly help: boolean;
}

/** @returns undefined where they are not as the help says */
function readArguments(argv: readonly string[]): Request | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { all: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
      allowPositionals: true,
    });
    const [command = "", ...more] = positionals;
    const isKnown = command === "close" || (command === "open" && !values.all);
    return values.help || (isKnown && more.length === 0) ? { command, ...values } : undefined;
  } catch {
    return undefined;
  }
}

/** @throws Error where a value is missing */
export function deploymentOf(environment: NodeJS.ProcessEnv): {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
} {
  const {
    AZURE_SUBSCRIPTION_ID: subscriptionId = "",
    AZURE_RESOURCE_GROUP: group = "",
    AZURE_ENV_NAME: name = "",
  } = environment;
  if (subscriptionId === "" || (group === "" && name === "")) {
    throw new Error("Set AZURE_SUBSCRIPTION_ID and AZURE_ENV_NAME to those of the deployment (azd env get-values).");
  }
  // main.bicep names the group after the environment.
  return { subscriptionId, resourceGroup: group === "" ? `rg-${name}` : group };
}
