/** The command `npm run explain`. */
import { join } from "node:path";
import { firstCall } from "@restricted-calls/shared/access-policy";
import { command, reasonOf, stopSignal, UsageError } from "../../tools/command-line.ts";
import { typicalOperation } from "../../tools/contracts.ts";
import { policy } from "../model/policy.ts";
import { terminalProgress } from "../progress.ts";
import { exitCodeOfDeployment, withDeployment } from "./deployed.ts";
import { explain, type Explanation } from "./explanation.ts";
import { printed } from "./print.ts";
import { questionOf } from "./question.ts";
import { explainTrace } from "./trace.ts";

const LOCAL = join(import.meta.dirname, "..", "..", ".local");

const { caller: first = "<caller>", callee = "" } = firstCall(policy) ?? {};
const { method, route } = callee === "" ? { method: "GET", route: "/api/health" } : typicalOperation(callee);
const EXAMPLE = `${first} "${method} ${route.replace(/\{.*?\}/g, "x")}"`;

const USAGE = `Usage: npm run explain -- <caller> "<METHOD> <path>" [options]
       npm run explain -- --trace <id>
Such as: npm run explain -- ${EXAMPLE}

Explains why a call is refused, or why it passes: each point that it reaches, the fact that decides there, the rule's place
and the fix. Answers by the model of npm run verify, without a call.

  <caller>           a service or an external caller of the access policy; the call comes from its network
  --from <network>   another network: other-subnet, internet, the name of a caller, or an id of the report
  --as <caller>      another kind of caller of the report, or a test identity: other-role, reader-only, no-token and so on
  --service <name>   the called service, if several have such an operation
  --deployed         also compare the deployment of the selected azd environment, as far as it bears on this call
  --trace <id>       explain a call to the running local system by its trace id or traceparent
  --json             print a JSON array, with an entry for each explained call
  --help             show this text

Exit code 0: the call is allowed. 1: it is refused, or the deployment differs. 2: it cannot be explained.`;

await command(
  USAGE,
  {
    allowPositionals: true,
    options: {
      from: { type: "string" },
      as: { type: "string" },
      service: { type: "string" },
      deployed: { type: "boolean", default: false },
      trace: { type: "string" },
      json: { type: "boolean", default: false },
    },
  },
  async ({ values: { json, deployed, trace, ...options }, positionals }) => {
    const [caller, call, ...others] = positionals;
    const isCall = caller !== undefined && call !== undefined && others.length === 0;
    if (trace === undefined ? !isCall : positionals.length > 0 || deployed || Object.keys(options).length > 0) {
      throw new UsageError(
        `Give a caller and a call, such as ${EXAMPLE}; or --trace and an id. --help shows the usage.`,
      );
    }
    const { first, signal } = stopSignal();
    try {
      if (trace !== undefined || !isCall) return show(explainTrace(policy, LOCAL, trace ?? ""), json);
      const question = questionOf(policy, { caller, call, ...options });
      const explanation = explain(question);
      if (!deployed) return show([explanation], json);
      const progress = terminalProgress(process.stderr);
      const answer = await withDeployment(explanation, question, { progress, signal });
      return show([answer], json) || exitCodeOfDeployment(answer);
    } catch (error) {
      if (signal.aborted) return first;
      console.error(reasonOf(error));
      return 2;
    }
  },
);

/** @returns the exit code */
function show(explanations: readonly Explanation[], json: boolean): 0 | 1 {
  console.log(json ? JSON.stringify(explanations, null, 2) : explanations.map(printed).join("\n\n"));
  return explanations.every(({ outcome }) => outcome.refusedBy === "nobody") ? 0 : 1;
}
