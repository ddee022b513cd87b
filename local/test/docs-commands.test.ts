import { spawn, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { callsOf, runCommands } from "./docs-commands.ts";
import { contracts } from "../../tools/contracts.ts";
import { type Block, blocksOf, shows } from "./docs-pages.ts";
import { startTestSystem, type TestSystem } from "../system/test-system.ts";

const root = join(import.meta.dirname, "..", "..");
const textOf = (page: string): string => readFileSync(join(root, page), "utf8");
const scripts: Readonly<Record<string, string>> = manifest.scripts;
const pages = globSync(["*.md", "docs/*.md"], { cwd: root }).map((page) => page.replaceAll("\\", "/"));

/** A command line of a page. */
interface Line {
  readonly page: string;
  readonly command: string;
}

const lines = pages.flatMap((page) =>
  blocksOf(textOf(page))
    .filter(({ language }) => ["sh", "bash", "shell", "console"].includes(language))
    .flatMap(({ text }) => commandsIn(text).map((command): Line => ({ page, command }))),
);

/** Without comments, and each whole where it goes over several lines. */
function commandsIn(text: string): string[] {
  return text
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .map((line) => line.replace(/(^|\s+)# .*$/, "").trim())
    .filter((line) => line !== "");
}

/** What becomes of a command: the first that it matches. One that matches none fails the test. */
const kinds = {
  "needs Azure or GitHub": /^(az|azd|gh) |\$CALLER\b/,
  "brings the repository here": /^(git clone|cd) /,
  "changes the repository, by docs-make-it-yours.test.ts": /^(git rm|cp -R examples\/)/,
  "needs Core Tools, by core-tools.test.ts": /^(cp \.local\/|\(cd dist\/)/,
  "is a script of this repository": /^([A-Z_]+=\S+ )*npm (start|test|run \S+)( |$)/,
  "is a program of this repository": /^node \S+\.ts( |$)/,
  "calls the running system":
    /^([A-Z]+=\$\()?(curl .*http:\/\/127\.0\.0\.1:|node -p "require\('\.\/\.local\/endpoints)/,
  "reads the report": /^node -p "require\('\.\/\.local\/verify\/report\.json'\)/,
} as const;

function kindOf(command: string): keyof typeof kinds | undefined {
  return (Object.keys(kinds) as (keyof typeof kinds)[]).find((kind) => kinds[kind].test(command));
}

const ofKind = (kind: keyof typeof kinds): Line[] => lines.filter(({ command }) => kindOf(command) === kind);

describe("the commands of the documentation", () => {
  test("are of a kind that this test knows: it runs them, or says why it does not", () => {
    const unknown = lines.filter(({ command }) => kindOf(command) === undefined);
    expect(
      unknown.map(({ page, command }) => `${page}: "${command}" - add it to the kinds, and see to it that it is run`),
    ).toEqual([]);
    expect(lines.length).toBeGreaterThan(20);
  });

  test("name scripts that there are, also in running text", () => {
    const named = pages.flatMap((page) =>
      [...textOf(page).matchAll(/npm run ([\w:-]+)/g)].map(([, script = ""]) => `${page}: ${script}`),
    );
    expect(named.filter((line) => !((line.split(": ")[1] ?? "") in scripts))).toEqual([]);
  });

  const called = ofKind("is a script of this repository").map(({ page, command }) => {
    const [, script = "", args = ""] = /npm (?:run )?(\S+)(?: -- (.*))?/.exec(command) ?? [];
    return { page, command, script, words: wordsIn(args) };
  });
  const withHelp = [...new Set(called.map(({ script }) => script))].filter((script) =>
    /^node tools\/run\.mjs (?!node_modules)/.test(scripts[script] ?? ""),
  );

  test.each(withHelp)("npm run %s -- --help ends well, and names what the pages give it", async (script) => {
    const [, file = "", ...args] = /^node tools\/run\.mjs (\S+)(?: (.*))?$/.exec(scripts[script] ?? "") ?? [];
    const { code, output } = await run(file, ...args.filter(Boolean), "--help");
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining("npm ") as string });
    const words = called.filter((call) => call.script === script).flatMap((call) => call.words);
    expect(words.filter((word) => !output.includes(word))).toEqual([]);
  });
});

test.each(ofKind("is a program of this repository"))("$command names options that there are", async ({ command }) => {
  const [, file = "", args = ""] = /^node (\S+)(.*)$/.exec(command) ?? [];
  const { code, output } = await run(file, "--help");
  expect(code).toBe(0);
  expect(wordsIn(args).filter((word) => word.startsWith("--") && !output.includes(word))).toEqual([]);
});

describe.skipIf(process.platform === "win32")("on a running system", () => {
  let system: TestSystem;
  beforeAll(async () => {
    system = await startTestSystem();
  });
  afterAll(() => system.stop());

  // docs/make-it-yours.md has a test of its own: its calls are made on the repository as the page changes it.
  const calls = pages
    .filter((page) => page !== "docs/make-it-yours.md")
    .flatMap((page) => callsOf(blocksOf(textOf(page)).filter(isLocal)).map((call) => ({ page, ...call })));

  test("there are commands that call it", () => {
    expect(calls.filter(({ page }) => page === "docs/getting-started.md").length).toBeGreaterThan(5);
  });

  const routes = Object.values(contracts).flatMap(({ operations }) =>
    operations.map(({ route }) => new RegExp(`^${route.replaceAll(/\{.*?\}/g, "[^/]+")}$`)),
  );
  const suggested = Object.values(contracts).flatMap(
    ({ commands }) => commands?.("").map(({ command }) => command) ?? [],
  );
  /** Whether the services offer what a command calls: with another business, they do not offer what the pages show. */
  const isOffered = (script: string): boolean =>
    [...script.matchAll(/(?<=:\d+)\/(api|admin\/functions)\/[\w./-]+/g)].every(
      ([path]) => routes.some((route) => route.test(path)) || suggested.some((command) => command.includes(`${path} `)),
    );

  for (const { page, line, script, output } of calls) {
    const title = `${page}, line ${line}: gives what the page shows`;
    test.skipIf(!isOffered(script))(title, { tags: "needs-pages-of-this-business" }, async () => {
      const there = script.replaceAll("./.local/endpoints.json", system.endpointsFile);
      const printed = await runCommands(there, system.endpoints);
      if (output !== undefined) expect(printed).toMatch(shows(output));
    });
  }

  test("the proof makes a report, which the commands that read it find as they expect", async () => {
    const folder = join(system.folder, "report");
    const { code, output } = await run("verify/main.ts", "--only", "both/*/internet", "--report", folder);
    expect(code, output).toBe(0);
    for (const { command } of ofKind("reads the report")) {
      const there = command.replaceAll("./.local/verify", folder);
      expect(spawnSync("sh", ["-c", there], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    }
  });
});

/** The options and plain words among arguments. */
function wordsIn(args: string): string[] {
  return args.match(/(?<=^| )(--)?[a-z][a-z-]*(?= |$)/g) ?? [];
}

/** A block that calls the system of `npm start`, or what such a block printed. */
function isLocal({ language, text }: Block): boolean {
  return language === "text" || (language === "sh" && !kinds["needs Azure or GitHub"].test(text));
}

function run(file: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(root, file), ...args], { cwd: root });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  }
  return new Promise((resolve) => {
    child.on("close", (code) => {
      resolve({ code, output });
    });
  });
}
