/** Opens the SCM sites of a deployment for the machine that this runs on, and closes them again: `npm run scm-access`. */
import { endWithOutput, reasonOf, runCommand, UsageError } from "../../tools/command-line.ts";
import { accessToken } from "../azd.ts";
import { publicCloud } from "../public-cloud.ts";
import { close, open, type Options, RUNNER_RULE } from "./index.ts";
import { deploymentOf } from "./resource-manager.ts";

const USAGE = `Usage: npm run scm-access -- open | close [--all]

Gives this machine access to the SCM sites of a deployment, for as long as azd deploy takes.

  npm run scm-access -- open          adds an access restriction for this machine's address, and waits for its effect
  npm run scm-access -- close         removes it, checks that it is gone, and waits until the sites refuse this machine
  npm run scm-access -- close --all   removes those of all runs, also of one that could not
  --help                              show this text

The access restriction is called ${RUNNER_RULE}<GITHUB_RUN_ID>, or ${RUNNER_RULE}manual elsewhere. Reads
AZURE_SUBSCRIPTION_ID, and AZURE_ENV_NAME or AZURE_RESOURCE_GROUP; uses the account that azd is signed in with.

Exit code 0: done and confirmed. 1: not done, or not confirmed; the message says why. 2: wrong arguments.
`;

/** How to reach Azure Resource Manager. */
export interface Azure {
  /** Resource Manager's origin. */
  readonly resourceManager: string;
  /** @throws Error that says what to do, if there is no token */
  readonly accessToken: () => string;
}

/** @returns the exit code, as the usage explains it; errors are printed to stderr */
export function scmAccess(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
  { resourceManager, accessToken }: Azure,
  options: Options = {},
): Promise<number> {
  const config = {
    allowPositionals: true,
    options: { all: { type: "boolean", default: false } },
    // Closing depends on nothing: an address must not keep its access because the policy has a mistake.
    needsPolicy: false,
  } as const;
  return runCommand(argv, USAGE, config, async ({ positionals, values: { all } }) => {
    const [command = "", ...more] = positionals;
    const isKnown = command === "close" || (command === "open" && !all);
    if (!isKnown || more.length > 0) {
      throw new UsageError("The arguments are open, close, or close --all. --help shows the usage.");
    }
    const own = `${RUNNER_RULE}${environment["GITHUB_RUN_ID"] ?? "manual"}`;
    const deployment = () => ({ ...deploymentOf(environment), resourceManager, token: accessToken() });
    if (command === "open") {
      // Ends the process if the access policy or the service options have mistakes, as azd's hooks do.
      await import("../../tools/access-policy.ts");
      await open(deployment(), own, options);
      return 0;
    }
    try {
      await close(deployment(), (name) => (all ? name.startsWith(RUNNER_RULE) : name === own), options);
      return 0;
    } catch (error) {
      const hint = "An address may still have access to an SCM site: docs/delivery.md says what to do.";
      throw new Error(`${reasonOf(error)}\n${hint}`, { cause: error });
    }
  });
}

if (process.argv[1] === import.meta.filename) {
  endWithOutput();
  const { resourceManager } = publicCloud;
  process.exitCode = await scmAccess(process.argv.slice(2), process.env, { resourceManager, accessToken });
}
