/** The command `npm run policy:diff`. */
import { join } from "node:path";
import { command, reasonOf, stopSignal, UsageError } from "../../tools/command-line.ts";
import { compareStates } from "./compare.ts";
import { printable } from "./finding.ts";
import { asJson, asMarkdown, asText } from "./output.ts";
import { commit, stateOf, workingTree } from "./state.ts";

const root = join(import.meta.dirname, "..", "..");

const USAGE = `Usage: npm run policy:diff -- <commit> [<commit>] [options]

Who gains access, what opens and what is lost from the first commit to the second one (default: the working tree): compares access
policy, contracts and evaluated templates by meaning.

  --markdown               print Markdown, for the summary of a job
  --json                   print JSON
  --acknowledged <labels>  the labels of the pull request: a JSON list
  --help                   show this text

Exit code 0: nobody gains access and nothing opens, or the label of just these changes acknowledges it. 1: somebody gains access,
something opens, or a change is not understood. 2: the commits could not be compared.`;

await command(
  USAGE,
  {
    allowPositionals: true,
    options: {
      markdown: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      acknowledged: { type: "string", default: "[]" },
    },
  },
  async ({ positionals, values: { markdown, json, acknowledged } }) => {
    const [first, second, ...others] = positionals;
    if (first === undefined || others.length > 0) {
      throw new UsageError("Give one commit, or two: npm run policy:diff -- main. --help shows the usage.");
    }
    if (markdown && json) throw new UsageError("Give --markdown or --json, not both.");
    const labels = labelsIn(acknowledged);
    const { first: stopped, signal } = stopSignal();
    try {
      const before = await commit(root, first, signal);
      const after = second === undefined ? workingTree(root) : await commit(root, second, signal);
      const comparison = compareStates(stateOf(before), stateOf(after));
      const isAcknowledged = comparison.label !== undefined && labels.includes(comparison.label);
      const print = json ? asJson : markdown ? asMarkdown : asText;
      console.log(print(comparison, isAcknowledged));
      return comparison.label === undefined || isAcknowledged ? 0 : 1;
    } catch (error) {
      if (signal.aborted) return stopped;
      console.error(printable(reasonOf(error)));
      return 2;
    }
  },
);

function labelsIn(text: string): readonly string[] {
  try {
    const labels: unknown = JSON.parse(text);
    if (Array.isArray(labels) && labels.every((label) => typeof label === "string")) return labels;
  } catch {
    // Not JSON: the same mistake.
  }
  throw new UsageError("--acknowledged is a JSON list of labels.");
}
