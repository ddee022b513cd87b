/** The section with the commands that repeat the verification. */
import { html, type Markup } from "./markup.ts";
import type { Report } from "../model/report.ts";
import { command, table } from "./sections.ts";
import { commandFor } from "./words.ts";

export function reproduce(report: Report): Markup {
  const { commit, target, only } = report;
  const steps = [
    commit === null ? null : step("git checkout", commit.id),
    target.kind === "local" ? null : step("azd env select", target.environment),
    commandFor(report, only) ?? commandFor(report, null),
  ].filter((line) => line !== null);
  return html`${
      commit?.changed === true
        ? html`<p>Files were changed since that commit, so the commit alone may give another result.</p>`
        : null
    }
    ${command(steps.join("\n"))}
    <p>
      <code>--only</code> with the id of a call or setting verifies only that one.
      <a href="report.json">report.json</a> contains everything on this page;
      <a href="report.schema.json">its schema</a> describes every field.
    </p>
    ${table("Versions", ["What", "Version"], Object.entries(report.versions))}`;
}

/** A command with one argument; null if a shell could read the argument as anything else. */
function step(command: string, word: string): string | null {
  return /^\w[\w.-]*$/.test(word) ? `${command} ${word}` : null;
}
