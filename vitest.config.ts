// The tests: projects, tags, and a line for each thing that was left out.
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import type { Reporter } from "vitest/node";
// Says what is wrong with the access policy or the service options once, and ends the run, instead of failing in every file.
import "./tools/access-policy.ts";

/** What some tests need and a machine may lack: such a test has the tag and skips itself. How to get it, in one line. */
const needs = [
  {
    name: "needs-browser",
    description: "the report in a browser: install Chromium, Chrome or Edge, or name one in CHROMIUM_PATH",
  },
  {
    name: "needs-bicep",
    description:
      "the templates by the Bicep compiler: npm run infra:check runs these, and says how to get the compiler",
  },
  { name: "needs-openssl", description: "certificates by OpenSSL's strict check: install openssl" },
  { name: "needs-curl", description: "the script of the probe: install bash, and curl 7.84 or later" },
  { name: "needs-full-disk", description: "a full disk, which Linux has as /dev/full: run them on Linux" },
  {
    name: "needs-old-node",
    description: "bundles on a Node that is too old for them: put a Node below 22 on the PATH, after the other",
  },
  {
    name: "needs-real-host",
    description: "the embedded host beside the real one: CI has a build of it and .NET, and runs these",
  },
  { name: "needs-new-npm", description: "install scripts under an npm that can refuse them: npm 11.16 or later" },
  {
    name: "needs-time",
    description: "every check after a worked example, some ten minutes: CHECK_EXAMPLES=1",
  },
  { name: "needs-chaos", description: "chaos for this business: write what shared/contract-chaos.ts describes" },
  {
    name: "needs-pages-of-this-business",
    description: "commands of pages that show another business: adapt the pages",
  },
  {
    name: "needs-published-files",
    description: "files as Microsoft and GitHub publish them: CI has copies and runs these",
  },
];

/** Prints a line for each thing that was left out; none if a name or tag selects the tests. */
class LeftOut implements Reporter {
  #chosen = false;

  onInit: NonNullable<Reporter["onInit"]> = (vitest) => {
    this.#chosen = vitest.config.tagsFilter !== undefined || vitest.getGlobalTestNamePattern() !== undefined;
  };

  onTestRunEnd: NonNullable<Reporter["onTestRunEnd"]> = (modules) => {
    if (this.#chosen) return;
    const counts = new Map<string, number>();
    for (const { children } of modules) {
      for (const { tags, options } of children.allTests("skipped")) {
        // Not one whose beforeAll failed.
        if (options.mode !== "skip") continue;
        const what = needs.find(({ name }) => tags.includes(name))?.description;
        const line = what ?? "signals, file modes and sh, which Windows lacks: run them on Linux or macOS";
        counts.set(line, (counts.get(line) ?? 0) + 1);
      }
    }
    for (const [line, count] of counts) console.log(`Left out: ${count} ${count === 1 ? "test" : "tests"} of ${line}.`);
  };
}

/** Tests that start no app, no host and no storage: together a few seconds (`npm run test:unit`). */
const UNIT = [
  "shared/test/!(http-functions|managed-identity|message-store|outbox).test.ts",
  "*-func/test/*.unit.test.ts",
  "*-func/test/chaos.test.ts",
  "chaos/test/{assessment,business}.test.ts",
  "infra/test/{azure-yaml,bicep,code,docs,mutations,operate-docs,snapshot,workflows}.test.ts",
  "local/test/{entra-directory,host-routes,host-timer-schedule}.test.ts",
  "tools/test/{address-ranges,sources}.test.ts",
  "verify/test/{deployed-examples,filter}.test.ts",
];

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "unit", include: UNIT, isolate: false } },
      { extends: true, test: { name: "system", include: ["*/test/**/*.test.ts"], exclude: UNIT } },
    ],
    // Upper limits, for a test that never ends: a busy machine takes several times as long.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Most of these tests wait for processes: on two cores, three files at once take little more than half the time of one.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    expect: { poll: { timeout: 20_000 } },
    tags: needs,
    reporters: ["default", new LeftOut()],
  },
});
