/** The command `npm run explain`, as a process. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { apiNames } from "@restricted-calls/shared/access-policy";
import { describe, expect, it } from "vitest";
import { typicalOperation } from "../../tools/contracts.ts";
import type { Explanation } from "../explain/explanation.ts";
import { policy } from "../model/policy.ts";

const main = join(import.meta.dirname, "..", "explain", "main.ts");
const [CALLEE = ""] = apiNames(policy);
const { method, sample, role } = typicalOperation(CALLEE);
const [CALLER = ""] =
  Object.entries(policy.services[CALLEE]?.callers ?? {}).find(([, roles]) => roles.includes(role)) ?? [];
const CALL = `${method} ${sample("x").path}`;

function run(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, NO_COLOR: "1", ...environment };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8", env });
  return { status, stdout, stderr };
}

describe("npm run explain", () => {
  it("ends with 0 for an allowed call", () => {
    const { status, stdout, stderr } = run([CALLER, CALL]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^ {2}ok {11}App role: /m);
    expect(stdout).toMatch(/^Allowed: /m);
  });

  it("ends with 1 for a refused one, and says which point refuses, the rule and the fix", () => {
    const { status, stdout } = run([CALLER, CALL, "--from", "other-subnet"]);
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /^ {2}REFUSED {6}Access restrictions: .*\n {15}rule: .*access-policy\.json:\d+.*\n {15}fix: {2}\S/m,
    );
    expect(stdout).toMatch(/^ {2}not reached {2}App role$/m);
    expect(stdout).toMatch(/^403 refused by the network layer\.$/m);
  });

  it("prints JSON", () => {
    const { status, stdout } = run([CALLER, CALL, "--as", "no-token", "--json"]);
    const [{ outcome, steps } = { outcome: undefined, steps: [] }] = JSON.parse(stdout) as Explanation[];
    expect(status).toBe(1);
    expect(outcome).toEqual({ refusedBy: "application", status: 401, code: "no-credentials" });
    expect(steps.map(({ state }) => state)).toEqual(["ok", "ok", "not-asked", "refused", "not-reached", "not-reached"]);
  });

  it.each([
    [[]],
    [[CALLER, CALL, "nonsense"]],
    [[CALLER, "GET /nonsense"]],
    [[CALLER, CALL, "--trace", "0".repeat(32)]],
    [["--trace", "0".repeat(32), "--as", "no-token"]],
    [["--trace", "nonsense"]],
    [["--trace", "0".repeat(32), "--deployed"]],
  ])("says in a line what is wrong, and ends with 2: %j", (args) => {
    const { status, stdout, stderr } = run(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).not.toContain("    at ");
  });

  it("says what to do where there is no deployment", () => {
    const { status, stdout, stderr } = run([CALLER, CALL, "--deployed"], { PATH: "", SERVICES: undefined });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("azd env select");
  });
});
