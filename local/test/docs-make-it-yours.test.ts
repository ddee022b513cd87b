import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { callsOf, type Command, type CopySystem, runCommands, startCopy } from "./docs-commands.ts";
import { applyBlocks, type Block, blocksOf, replacementsOf, shows } from "./docs-pages.ts";
import { AS_CLONED, copyRepository } from "../../tools/testing/repository-copy.ts";
import { followNewService, updateSnapshot } from "../../tools/testing/service-of-copy.ts";

const root = join(import.meta.dirname, "..", "..");
const page = blocksOf(readFileSync(join(root, "docs", "make-it-yours.md"), "utf8"));
const sectionOf = (number: number): Block[] => page.filter(({ section }) => section.startsWith(`${number}. `));

/** Does what a section says to the files of a copy; gives the calls that it makes afterwards. */
function follow(number: number, folder: string): Command[] {
  const section = sectionOf(number);
  for (const { text } of section.filter(({ text }) => text.startsWith("npm run new:service")))
    followNewService(text, folder);
  applyBlocks(section, folder);
  return callsOf(section);
}

/** Each call gives what the page shows. */
async function expectCalls(calls: readonly Command[], { endpoints, log }: CopySystem): Promise<void> {
  const further = /http:\/\/127\.0\.0\.1:\d+(?=\/api\/audit-calls)/.exec(log.join("\n"))?.[0];
  for (const { script, output = "", line } of calls) {
    expect(await runCommands(script, endpoints, further), `line ${line} of the page`).toMatch(shows(output));
  }
}

async function whileRunning(folder: string, use: (system: CopySystem) => Promise<void>): Promise<void> {
  const system = await startCopy(folder);
  try {
    await use(system);
  } finally {
    await system.stop();
  }
}

/** What the compiler prints about a copy. */
function typecheck(folder: string, ...args: readonly string[]): string {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  return spawnSync(process.execPath, [tsc, ...args], { cwd: folder, encoding: "utf8" }).stdout;
}

/** The copy of the repository that the tests of the current block change. */
let folder: string;

function useCopy(): void {
  beforeAll(() => {
    const copy = copyRepository();
    ({ folder } = copy);
    return () => {
      copy.remove();
    };
  });
}

describe.skipIf(process.platform === "win32")("make it yours", { timeout: 180_000 }, () => {
  useCopy();
  const change = (file: string, from: string, to: string): void => {
    const text = readFileSync(join(folder, file), "utf8");
    expect(text).toContain(from);
    writeFileSync(join(folder, file), text.replace(from, to));
  };

  test("an operation more is called by who holds its role, and by nobody else", async () => {
    const calls = follow(1, folder);
    expect(calls).toHaveLength(3);
    await whileRunning(folder, (system) => expectCalls(calls, system));
  });

  test("a role more is known to the compiler, and nobody holds it until it is granted", async () => {
    const calls = follow(2, folder);
    expect(calls).toHaveLength(2);
    const assignments = callsOf(sectionOf(1))[0]?.script.match(/^TOKEN=.*$/m)?.[0] ?? "";
    await whileRunning(folder, (system) =>
      expectCalls(
        calls.map((call) => ({ ...call, script: `${assignments}\n${call.script}` })),
        system,
      ),
    );
  });

  test("a misspelt role does not compile", () => {
    const listStock = "callee-func/src/functions/list-stock.ts";
    const shown = sectionOf(2).find(({ language, text }) => language === "text" && text.includes("error TS"));
    writeFileSync(
      join(folder, "tsconfig.callee.json"),
      JSON.stringify({ extends: "./tsconfig.json", include: ["callee-func/src"] }),
    );
    change(listStock, "Inventory.Audit", "Inventory.Audti");
    expect(typecheck(folder, "--project", "tsconfig.callee.json")).toMatch(
      shows(shown?.text ?? "no error in the page"),
    );
    change(listStock, "Inventory.Audti", "Inventory.Audit");
  });

  test("a service more is refused by the network until the templates know it, and then does what it was granted", async () => {
    const [before, ...after] = follow(3, folder);
    expect(after).toHaveLength(2);
    await whileRunning(folder, (system) => expectCalls(before ? [before] : [], system));
    updateSnapshot(folder);
    await whileRunning(folder, (system) => expectCalls(after, system));
    expect(typecheck(folder)).toBe("");
  });
});

describe.skipIf(process.platform === "win32")("another business in place of this one", { timeout: 180_000 }, () => {
  useCopy();
  const shell = (script: string): string => {
    const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: folder, encoding: "utf8" });
    expect(status, stderr).toBe(0);
    return stdout;
  };

  test("changes the two folders and data, and nothing else", () => {
    shell(AS_CLONED);
    for (const script of replacementsOf(sectionOf(4))) shell(script);
    const isOfBusiness =
      /^(call(er|ee)-func\/|(shared\/access-policy|infra\/service-options|local\.settings\.sample)\.json$)/;
    const changed = shell("git add --all; git diff --cached --name-only --no-renames").trim().split("\n");
    expect(changed.length).toBeGreaterThan(20);
    expect(changed.filter((path) => !isOfBusiness.test(path))).toEqual([]);
  });

  test("runs on all that is left as it is", async () => {
    const calls = follow(4, folder);
    expect(calls).toHaveLength(2);
    await whileRunning(folder, (system) => expectCalls(calls, system));
    expect(typecheck(folder)).toBe("");
    const once = spawnSync(process.execPath, [join(folder, "local", "commands", "start.ts"), "--once"], {
      encoding: "utf8",
    });
    expect(once.stdout).toContain("Every outcome was the expected one.");
  });
});
