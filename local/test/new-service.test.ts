/** npm run new:service, in copies of this repository. */
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { apiNames, type Policy } from "@restricted-calls/shared/access-policy";
import { accessPolicy, serviceNames } from "../../tools/access-policy.ts";
import { operationsOf, typicalOperation } from "../../tools/contracts.ts";
import { startScript } from "../../tools/service-names.ts";
import { copyRepository, type RepositoryCopy } from "../../tools/testing/repository-copy.ts";
import { updateSnapshot } from "../../tools/testing/service-of-copy.ts";

function run(folder: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { status, stdout, stderr };
}

const newService = (folder: string, ...args: readonly string[]) => run(folder, "tools/new-service.ts", ...args);
const read = (folder: string, file: string): string => readFileSync(join(folder, file), "utf8");
const json = (folder: string, file: string): unknown => JSON.parse(read(folder, file));

/** Every file of a copy, with its text. */
function filesOf(folder: string): Readonly<Record<string, string>> {
  const files = globSync("**/*", { cwd: folder, exclude: ["**/node_modules/**"], withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const hidden = globSync(".vscode/*", { cwd: folder }).map((file) => join(folder, file));
  const links = globSync("node_modules/{@restricted-calls/*,.package-lock.json}", { cwd: folder });
  return Object.fromEntries([
    ...[...files, ...hidden].map((file) => [file, readFileSync(file, "utf8")] as const),
    ...links.map((link) => [link, ""] as const),
  ]);
}

/** A service of this repository that others call, with two of its roles. */
const called = apiNames(accessPolicy)[0] ?? "";
const { id: operation, role } = typicalOperation(called);
const further = operationsOf(called).flatMap((one) => (one.access === "token" && one.role !== role ? [one.role] : []));
const otherRole = further[0] ?? role;

/** No repository has services of these names. */
const CALLS = "test-calls-func";
const OFFERS = "test-offers";
const BOTH = "test-both-func";
const NAMES: readonly string[] = [CALLS, OFFERS, BOTH];

describe("a service that calls, one that offers, and one that does both", { timeout: 600_000 }, () => {
  let copy: RepositoryCopy;
  let folder: string;
  beforeAll(() => {
    copy = copyRepository();
    ({ folder } = copy);
    for (const args of [
      [CALLS, "--calls", `${called}:${role}`, "--calls", `${called}:${otherRole}`],
      [OFFERS, "--offers", "Test.Charge", "--offers", "Test.RefundAll"],
      [BOTH, "--calls", `${OFFERS}:Test.Charge`, "--calls", `${called}:${role}`, "--offers", "Ship"],
    ]) {
      expect(newService(folder, ...args)).toMatchObject({ status: 0, stderr: "" });
    }
    updateSnapshot(folder);
  });
  afterAll(() => {
    copy.remove();
  });

  test("have subnets, roles with ids of their own, and the grants at the services that they call", () => {
    const { services } = json(folder, "shared/access-policy.json") as Policy;
    const last = Math.max(...serviceNames.map((name) => accessPolicy.services[name].subnet));
    expect(NAMES.map((name) => services[name]?.subnet)).toEqual([last + 1, last + 2, last + 3]);
    expect(services[called]?.callers).toEqual({
      ...accessPolicy.services[called]?.callers,
      [CALLS]: [role, otherRole],
      [BOTH]: [role],
    });
    expect(services[OFFERS]?.callers).toEqual({ [BOTH]: ["Test.Charge"] });
    expect(NAMES.map((name) => Object.keys(services[name]?.roles ?? {}))).toEqual([
      [],
      ["Test.Charge", "Test.RefundAll"],
      ["Ship"],
    ]);
    const ids = Object.values(services).flatMap(({ roles }) => Object.values(roles).map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("are in npm's workspaces and its lock, in azure.yaml and in the debugger's list", () => {
    const { workspaces, scripts } = json(folder, "package.json") as { workspaces: string[]; scripts: object };
    expect(workspaces.filter((folder) => [...serviceNames, ...NAMES].includes(folder)).slice(-3)).toEqual(NAMES);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(NAMES.map(startScript)));
    const { packages } = json(folder, "package-lock.json") as { packages: Record<string, object> };
    expect(packages[""]).toMatchObject({ workspaces });
    for (const name of NAMES) {
      const { private: _, type: __, ...manifest } = json(folder, `${name}/package.json`) as Record<string, unknown>;
      expect(packages[name]).toEqual(manifest);
      expect(packages[`node_modules/@restricted-calls/${name}`]).toEqual({ resolved: name, link: true });
    }
    const { services } = parse(read(folder, "azure.yaml")) as { services: object };
    expect(Object.keys(services)).toEqual([...serviceNames, ...NAMES].sort());
  });

  test("npm installs from the lock that it would write itself", () => {
    const lock = json(folder, "package-lock.json");
    const args = ["install", "--package-lock-only", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"];
    const { status, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8", shell: true });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(json(folder, "package-lock.json")).toEqual(lock);
  });

  test("compile, and are as the linter and the formatter want them", () => {
    const bin = (path: string): string => join("node_modules", path);
    expect(run(folder, bin("typescript/bin/tsc"))).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(run(folder, bin("eslint/bin/eslint.js"), ...NAMES)).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(run(folder, bin("prettier/bin/prettier.cjs"), "--check", ".")).toMatchObject({ status: 0, stderr: "" });
  });

  test("pass their tests, and those that name services one by one", () => {
    const vitest = join("node_modules", "vitest", "vitest.mjs");
    const files = [
      ...NAMES.map((name) => `${name}/`),
      ...["azure-yaml", "debugging", "start.test", "bundle-size", "contracts", "sources"],
    ];
    const { status, stdout, stderr } = run(folder, vitest, "run", ...files);
    expect(status, `${stdout}${stderr}`).toBe(0);
  });

  test("npm start -- --once shows what they do", () => {
    const { status, stdout, stderr } = run(folder, "local/commands/start.ts", "--once");
    expect(status, `${stdout}${stderr}`).toBe(0);
    expect(stdout).toMatch(new RegExp(`ok +${CALLS} calls ${called} +200`));
  });

  test("the proof has their calls, and every call follows the policy", () => {
    const { status, stdout, stderr } = run(folder, "verify/main.ts");
    expect(status, `${stdout}${stderr}`).toBe(0);
    const { cells } = json(folder, ".local/verify/report.json") as { cells: { id: string; result: string }[] };
    const ids = cells.map(({ id }) => id);
    for (const id of [
      `both/${operation}/${CALLS}-subnet/${CALLS}`,
      `both/test-offers-test-charge/${BOTH}-subnet/${BOTH}`,
      "both/test-both-ship/otherSubnet/no-token",
    ]) {
      expect(ids).toContain(id);
    }
  });
});

describe("what cannot be added", () => {
  let copy: RepositoryCopy;
  let folder: string;
  let before: Readonly<Record<string, string>>;
  beforeAll(() => {
    copy = copyRepository();
    ({ folder } = copy);
    mkdirSync(join(folder, "data"));
    writeFileSync(join(folder, "data", "mine.txt"), "mine");
    before = filesOf(folder);
  });
  afterAll(() => {
    copy.remove();
  });
  const CALL = ["--calls", `${called}:${role}`];
  /** Another name with the same settings for its callers. */
  const alike = called.endsWith("-func") ? called.replace(/-func$/, "") : `${called}-func`;

  test.each<[what: string, args: readonly string[], line: string | RegExp]>([
    ["no name", CALL, "One name is needed, not 0. --help shows the usage."],
    ["two names", ["a-func", "b-func", ...CALL], "One name is needed, not 2. --help shows the usage."],
    ["an unknown option", ["a-func", "--call", "x"], "Unknown option '--call'. --help shows the usage."],
    ["nothing to do", ["a-func"], "Say what a-func does: --calls <service>:<role>, --offers <role>, or both."],
    ["a name in use", [called, ...CALL], `${called} is a service already (shared/access-policy.json).`],
    ["a bad name", ["Bad_Func", ...CALL], /^Bad_Func cannot be added: .*A service's name has 3 to 24 lower-case/],
    ["a name with a path", ["../x", ...CALL], /^\.\.\/x cannot be added: .*A service's name has/],
    ["a long name", ["a".repeat(25), ...CALL], /cannot be added: .*A service's name has 3 to 24/],
    ["a reserved name", ["login-func", ...CALL], /^login-func cannot be added: .*Azure refuses names/],
    ["a name with the settings of another", [alike, ...CALL], RegExp(`_URL and .*_SCOPE, like those of ${called}$`)],
    ["a folder in use", ["data", ...CALL], /^data cannot be added: the folder data\/ has another purpose/],
    ["the builds' folder", ["dist", ...CALL], /^dist cannot be added: the folder dist\/ has another purpose/],
    ["an id of the proof's own", ["host-func", ...CALL], /^host-func cannot be added: .*the proof itself has ids/],
    ["no service and role", ["a-func", "--calls", called], `--calls "${called}" is not <service>:<role>.`],
    [
      "an unknown service",
      ["a-func", "--calls", "x-func:X"],
      `--calls x-func:X: there is no service x-func. Those with roles: ${apiNames(accessPolicy).join(", ")}.`,
    ],
    ["an unknown role", ["a-func", "--calls", `${called}:X`], RegExp(`: ${called} has no role X\\. Its roles: \\w`)],
    [
      "itself",
      ["a-func", "--calls", "a-func:X", "--offers", "X"],
      /a service does not call itself over the network\.$/,
    ],
    ["a grant twice", ["a-func", ...CALL, ...CALL], `--calls ${called}:${role} is given twice.`],
    ["a role twice", ["a-func", "--offers", "A", "--offers", "A"], "--offers A is given twice."],
    ["a bad role", ["a-func", "--offers", "a b"], /^a-func cannot be added: .*A role's value has up to 120 letters/],
    [
      "roles with one id",
      ["a-func", "--offers", "Charge.Card", "--offers", "ChargeCard"],
      /^a-func cannot be added: a-func\/contract\.ts: a-charge-card: /,
    ],
  ])("%s: one line, exit code 2, and no file is changed", (_, args, line) => {
    const { status, stdout, stderr } = newService(folder, ...args);
    expect({ status, stdout, stderr: stderr.trimEnd() }).toEqual({
      status: 2,
      stdout: "",
      stderr: typeof line === "string" ? line : (expect.stringMatching(line) as string),
    });
    expect(stderr.trimEnd()).not.toContain("\n");
    expect(filesOf(folder)).toEqual(before);
  });

  test("a role of which the contract lists no operation", () => {
    const file = join(folder, "shared", "access-policy.json");
    const text = readFileSync(file, "utf8");
    onTestFinished(() => {
      writeFileSync(file, text);
    });
    const unused = { "Test.Unused": { id: "11111111-1111-4111-8111-111111111111", description: "Unused" } };
    const policy = JSON.parse(text) as Policy;
    Object.assign(policy.services[called]?.roles ?? {}, unused);
    writeFileSync(file, JSON.stringify(policy));
    expect(newService(folder, "a-func", "--calls", `${called}:Test.Unused`)).toEqual({
      status: 2,
      stdout: "",
      stderr: `--calls ${called}:Test.Unused: ${called}/contract.ts lists no operation with this role.\n`,
    });
  });

  test("no subnet is free", () => {
    const file = join(folder, "shared", "access-policy.json");
    const text = readFileSync(file, "utf8");
    const { services } = JSON.parse(text) as Policy;
    const taken = Object.values(services).map(({ subnet }) => subnet);
    const free = Array.from({ length: 256 }, (_, i) => i).filter((i) => !taken.includes(i));
    const names = free.map((subnet) => `test${subnet}-func`);
    const full = names.map((name, i) => [name, { subnet: free[i], roles: {}, callers: {} }] as const);
    onTestFinished(() => {
      writeFileSync(file, text);
      for (const name of names) rmSync(join(folder, name), { recursive: true, force: true });
    });
    for (const name of names) {
      mkdirSync(join(folder, name, "src"), { recursive: true });
      writeFileSync(join(folder, name, "src", "main.ts"), "");
      writeFileSync(join(folder, name, "contract.ts"), "export default { operations: [] };");
    }
    writeFileSync(file, JSON.stringify({ services: { ...services, ...Object.fromEntries(full) } }));
    const { status, stderr } = newService(folder, "a-func", ...CALL);
    expect({ status, stderr }).toEqual({ status: 2, stderr: "All 256 subnets of the address space are taken.\n" });
  });

  test("a service that does not build: exit code 1, and nothing is left of it", () => {
    const file = join(folder, "shared", "service-client", "index.ts");
    const text = readFileSync(file, "utf8");
    onTestFinished(() => {
      writeFileSync(file, text);
    });
    writeFileSync(file, `${text}\n(`);
    const broken = filesOf(folder);
    const { status, stdout, stderr } = newService(folder, "a-func", ...CALL);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("service-client/index.ts");
    expect(filesOf(folder)).toEqual(broken);
  });
});
