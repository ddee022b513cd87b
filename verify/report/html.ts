/** Renders the report as one page. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { aboutCalls, call, differing, everyCall, filter } from "./calls.ts";
import { configuration, notChecked, settingInFull } from "./configuration.ts";
import { aboutAttacks, attackTables, icons, legend, matrix } from "./grid.ts";
import { html, type Markup, raw } from "./markup.ts";
import { packed } from "./packed.ts";
import { withoutScript } from "./parts.ts";
import { accessReview } from "./access-review.ts";
import { policySection } from "./policy.ts";
import { reachedOperations } from "./reached.ts";
import type { Report } from "../model/report.ts";
import { reproduce } from "./reproduce.ts";
import { type Section, sectionOf } from "./sections.ts";
import { summary, targetTitle, STATUSES } from "./summary.ts";

/**
 * One self-contained page: its content security policy allows no request. The script adds the filter, the dialog of a call and
 * the copy buttons, and shows the calls of a large report from the data in the page. Everything else works without it.
 */
export async function renderHtml(report: Report): Promise<string> {
  const { cells, checks: _, ...rest } = report;
  const [css, script, data] = await Promise.all([
    readFile(join(import.meta.dirname, "page.css"), "utf8"),
    pageScript(),
    packed(cells, rest),
  ]);
  const styles = [css, runningHead(report)];
  const policy = [
    "default-src 'none'",
    "img-src data:",
    `style-src ${styles.map(hashOf).join(" ")}`,
    `script-src ${hashOf(script)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${pageTitle(report)}</title>
        <link rel="icon" href="data:," />
        ${styles.map((style) => raw(`<style>${style}</style>`))}
      </head>
      <body>
        ${body(report)}
        <template id="data">${data}</template>
        ${raw(`<script>${script}</script>`)}
      </body>
    </html>`;
  return `${page.text}\n`;
}

/** The page's script, with the modules of this folder that also write the page. */
async function pageScript(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "page.js")],
    bundle: true,
    minify: true,
    write: false,
    charset: "utf8",
    target: "es2024",
  });
  return outputFiles[0]?.text.trim() ?? "";
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** "Passed: verification of the local system, 2026-11-24, commit cc7700f". */
function pageTitle({ status, target, startedAt, commit }: Report): string {
  const state = commit === null ? "" : `, commit ${commit.id.slice(0, 7)}${commit.changed ? " with changes" : ""}`;
  return `${STATUSES[status]}: verification of ${targetTitle(target)}, ${startedAt.slice(0, 10)}${state}`;
}

/** The title at the head of each printed page. Removes all characters that CSS would have to escape. */
function runningHead(report: Report): string {
  const text = pageTitle(report).replace(/[^\w .,:-]/g, "");
  return `@page { @top-left { content: "${text}"; } }`;
}

function body(report: Report): Markup {
  const sections = sectionsOf(report);
  return html`<a class="skip" href="#content">Skip to the content</a>
    ${icons}
    <main>
      ${summary(report)}
      <nav aria-label="Contents">
        <ul>
          ${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}
        </ul>
      </nav>
      <div id="content" tabindex="-1">${sections.map(sectionOf)}</div>
      ${SIGNATURE}
    </main>
    <dialog id="opened" aria-labelledby="opened-title"></dialog>`;
}

function sectionsOf(report: Report): Section[] {
  const findings = report.checks.filter(({ result }) => result === "finding");
  const different = report.cells.filter(({ result }) => result === "different");
  const listed = differing(report);
  const differences: Section = {
    id: "differences",
    title: "What differs",
    body: html`${findings.length === 0 ? null : html`<h3>Configuration (${findings.length})</h3>`}
    ${findings.map(settingInFull)} ${different.length === 0 ? null : html`<h3>Calls (${different.length})</h3>`}
    ${listed.map((cell) => call(report, cell))}
    ${listed.length === different.length ? null : html`<p>The section <a href="#calls">Every call</a> has the others.</p>`}`,
  };
  return [
    ...(findings.length + different.length === 0 ? [] : [differences]),
    {
      id: "policy",
      title: "Who may call whom",
      body: [policySection(report.policy), accessReview(report.policy, report.startedAt)],
    },
    { id: "through", title: "Which calls reach an operation", body: reachedOperations(report) },
    {
      id: "matrix",
      title: "The matrix",
      body: html`${MATRIX} ${legend} ${filter(report)}
        <div id="matrix-calls">${withoutScript(report, matrix(report, report.cells))}</div>`,
    },
    {
      id: "attacks",
      title: "The attack catalogue",
      body: html`${aboutAttacks(report)}
        <div id="attacks-calls">${withoutScript(report, attackTables(report, report.cells))}</div>`,
    },
    { id: "configuration", title: "Configuration as deployed", body: configuration(report) },
    { id: "not-checked", title: "What was not checked", body: notChecked(report) },
    {
      id: "calls",
      title: "Every call",
      body: html`${aboutCalls(report)}
        <div id="calls-calls">${withoutScript(report, everyCall(report, report.cells))}</div>`,
    },
    { id: "reproduce", title: "How to reproduce it", body: reproduce(report) },
  ];
}

const MATRIX = html`<p>
  Every operation, from every network, by every kind of caller: each is a real call, or says that it was not made. A
  model that shares no code with the apps computes the expected outcomes from the policy. Open a call to see its request
  and response.
</p>`;

/** Only on paper. */
const SIGNATURE = html`<p class="on-paper signature">
  <span>Reviewed by</span><span>Date</span><span>Signature</span>
</p>`;
