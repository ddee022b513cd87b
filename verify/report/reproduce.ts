import { html, type Markup } from "./markup.ts";
import type { Report } from "../model/report.ts";
import { command, table } from "./sections.ts";
import { commandFor } from "./words.ts";

/** The commands that make this verification again, and what took part in it. */
export function reproduce(report: Report): Markup {
  const { commit, target, only } = report;
  const steps = [
    commit === null ? null : step("git checkout", commit.id),
    target.kind === "local" ? null : step("azd env select", target.environment),
    commandFor(report, only) ?? commandFor(report, null),
  ].filter((line) => line !== null);
  return html`${
      commit?.changed === true
        ? html`<p>Files were changed since that commit: from the commit alone the result may be another.</p>`
        : null
    }
    ${command(steps.join("\n"))}
    <p>
      With <code>--only</code> and the id of a call or setting, that one alone is verified again. This page says nothing
      that is not in <a href="report.json">report.json</a>, which it was drawn from;
      <a href="report.schema.json">its schema</a> describes every field.
    </p>
    ${table("Versions", ["What", "Version"], Object.entries(report.versions))}`;
}

/** A command of one word more; none where a shell could read that as anything else. */
function step(command: string, word: string): string | null {
  return /^\w[\w.-]*$/.test(word) ? `${command} ${word}` : null;
}
