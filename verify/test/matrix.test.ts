/** The local verification, also of systems with one mistake. */
import { replaceHostSettings } from "../../tools/testing/example-services.ts";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAccessRestrictions, startTestSystem, type TestSystem } from "../../local/index.ts";
import { accessRestrictionsOf, readSnapshot } from "../../infra/snapshot.ts";
import { stage } from "../../tools/build.ts";
import { matrixOf } from "../local/matrix.ts";
import { stageWithoutGuard } from "../local/without-guard.ts";
import type { Progress } from "../progress.ts";
import type { Cell, Report } from "../model/report.ts";
import { verifyLocal } from "../verify.ts";
import { accessPolicy } from "../../tools/access-policy.ts";

const silent: Progress = {
  total: () => undefined,
  step: () => undefined,
  note: () => undefined,
  end: () => undefined,
};

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

const verify = (only: string | null): Promise<Report> => verifyLocal({ only, folder: system.folder, progress: silent });
const ids = (cells: readonly Cell[]): string[] => cells.map(({ id }) => id).sort();
const different = ({ cells }: Report): string[] => ids(cells.filter(({ result }) => result === "different"));

describe("the running system", () => {
  let report: Report;
  beforeAll(async () => {
    report = await verify(null);
  }, 120_000);

  it("follows the policy in every call of the matrix", () => {
    expect(different(report)).toEqual([]);
    expect(report.status).toBe("passed");
    expect(report.target).toEqual({ kind: "local", system: "running", commit: system.endpoints.run.commit });
    expect(ids(report.cells)).toEqual(
      matrixOf(accessPolicy)
        .map(({ id }) => id)
        .sort(),
    );
    expect(new Set(report.cells.map(({ id }) => id)).size).toBe(report.cells.length);
  });

  it("grants what the policy grants, and reaches the operation", () => {
    for (const operation of ["get-stock", "reserve-stock"]) {
      const cell = report.cells.find(({ id }) => id === `both/${operation}/callerSubnet/caller-func`);
      expect(cell?.actual?.refusedBy).toBe("nobody");
    }
  });

  it("marks what only one layer refuses: a granted identity from a wrong network, and every caller without the guard", () => {
    const held = report.cells.filter(({ heldByOneLayer }) => heldByOneLayer);
    const open = ["health", "host-ping", "host-warmup", "host-http-health", "host-home"];
    const ofCallers = (layers: string): string[] =>
      ids(held.filter((cell) => cell.layers === layers && cell.caller !== null && !open.includes(cell.operation)));
    expect(ofCallers("application-only")).toEqual([
      "application-only/get-stock/internet/caller-func",
      "application-only/get-stock/internet/other-role",
      "application-only/get-stock/otherSubnet/caller-func",
      "application-only/get-stock/otherSubnet/other-role",
      "application-only/reserve-stock/internet/caller-func",
      "application-only/reserve-stock/otherSubnet/caller-func",
    ]);
    expect(ofCallers("network-only").every((id) => id.includes("/callerSubnet/"))).toBe(true);
    expect(held.filter(({ layers, attack }) => layers === "application-only" && attack !== null)).toEqual([]);
  });

  it("records each call, and no token, secret or key", () => {
    const text = JSON.stringify(report.cells);
    expect(text).toContain('"x-functions-key":"<redacted>"');
    expect(text).not.toMatch(/"x-functions-key":"(?!<redacted>)/);
    expect(text).not.toMatch(/eyJ[\w-]+\./);
    expect(text).not.toContain(system.endpoints.entra.identityHeader);
    for (const { exchanges } of report.cells) expect(exchanges.length).toBe(1);
  });
});

describe("a system in which one thing is wrong", () => {
  const restrictions = accessRestrictionsOf(readSnapshot("default"), "callee-func");
  const restartCallee = async (overrides?: Record<string, string>): Promise<void> => {
    await system.stopApp("callee-func");
    await system.startApp("callee-func", overrides);
  };

  it("lets the internet in: each call from there that Entra ID does not stop differs, and no other", async () => {
    const rule = { name: "mistake", action: "Allow", priority: 1, ipAddress: "203.0.113.0/24" };
    system.frontEnd.setRestrictions(
      parseAccessRestrictions({
        ...restrictions,
        ipSecurityRestrictions: [rule, ...(restrictions.ipSecurityRestrictions ?? [])],
      }),
    );
    try {
      const report = await verify("both");
      // Calls of the Functions host go to another host, behind other front ends.
      const fromThere = report.cells.filter(
        ({ origin, caller, operation }) =>
          origin === "internet" && caller !== "unassigned" && !operation.startsWith("host-"),
      );
      expect(different(report)).toEqual(ids(fromThere));
      expect(report.status).toBe("failed");
    } finally {
      system.frontEnd.setRestrictions(parseAccessRestrictions(restrictions));
    }
  });

  it("lists an identity that the policy does not name", async () => {
    const settings = await settingsOf("callee-func");
    const unlisted = system.endpoints.identities["unlisted"]?.clientId ?? "";
    await restartCallee({ ALLOWED_CALLERS: `${settings["ALLOWED_CALLERS"] ?? ""},${unlisted}` });
    try {
      expect(different(await verify("both/*/callerSubnet"))).toEqual([
        "both/get-stock/callerSubnet/not-listed",
        "both/reserve-stock/callerSubnet/not-listed",
        "both/set-stock/callerSubnet/not-listed",
      ]);
    } finally {
      await restartCallee();
    }
  });

  it("has the granted caller on its list of those who are shut out: each of its calls is refused, by that rule", async () => {
    await restartCallee({ DENIED_CALLERS: system.endpoints.identities["caller-func"]?.clientId ?? "" });
    try {
      const report = await verify("both/*/callerSubnet/caller-func");
      const codes = report.cells.map(({ operation, actual }) => [operation, actual?.code ?? null]);
      expect(Object.fromEntries(codes)).toMatchObject({
        health: null,
        "get-stock": "caller-denied",
        "reserve-stock": "caller-denied",
        "set-stock": "caller-denied",
      });
    } finally {
      await restartCallee();
    }
  });

  // Builds the app twice, and starts it twice.
  it("has no guard: only the network refuses calls", async () => {
    const folder = join(system.folder, "apps", "callee-func");
    await stageWithoutGuard("callee-func", folder);
    await restartCallee();
    try {
      const report = await verify("both");
      expect(different(report)).toEqual(
        ids(report.cells.filter(({ expected }) => expected.refusedBy === "application")),
      );
    } finally {
      await stage("callee-func", folder);
      await restartCallee();
    }
  }, 120_000);

  it.each([
    [
      "no isolation: the master key opens what is for administrators",
      { AzureWebJobsDisableHomepage: "true" },
      "both/host-*/callerSubnet/*",
      ["config", "files", "functions", "instance", "keys", "restart", "start", "status"].map(
        (name) => `both/host-${name}/callerSubnet/master-key`,
      ),
    ],
    [
      "a home page: it tells whoever gets that far",
      { FUNCTIONS_ADMIN_ISOLATION_ENABLED: "1" },
      "both/host-*/callerSubnet/no-token",
      ["both/host-home/callerSubnet/no-token"],
    ],
  ])("has a Functions host with %s", async (_, settings, only, expected) => {
    replaceHostSettings(settings);
    try {
      expect(different(await verify(only))).toEqual(expected);
    } finally {
      replaceHostSettings(undefined);
    }
  });

  it("refuses the granted caller", async () => {
    await restartCallee({ ALLOWED_CALLERS: "00000000-0000-4000-8000-000000000000" });
    try {
      expect(different(await verify("both/get-stock/callerSubnet/caller-func"))).toEqual([
        "both/get-stock/callerSubnet/caller-func",
      ]);
    } finally {
      await restartCallee();
    }
  });

  async function settingsOf(app: string): Promise<Record<string, string>> {
    const text = await readFile(join(system.folder, `${app}.settings.json`), "utf8");
    return (JSON.parse(text) as { Values: Record<string, string> }).Values;
  }
});

describe("a running system that is not this checkout's, or not whole, is left alone, and a note says why", () => {
  const run = { processId: process.pid, checkout: "/another/clone", commit: null };
  it.each<[string, () => object, RegExp]>([
    ["another clone's", () => ({ run }), /is of another checkout, \/another\/clone/],
    [
      "one whose callee does not respond",
      () => ({ callee: { ...system.endpoints.callee, callerSubnet: "http://127.0.0.1:1" } }),
      /whose callee-func does not respond/,
    ],
  ])(
    "%s",
    async (_, difference, reason) => {
      const folder = await mkdtemp(join(tmpdir(), "matrix-"));
      const notes: string[] = [];
      const progress: Progress = { ...silent, note: (line) => notes.push(line) };
      try {
        await writeFile(join(folder, "endpoints.json"), JSON.stringify({ ...system.endpoints, ...difference() }));
        const report = await verifyLocal({ only: "both/health/internet/no-token", folder, progress });
        expect(report.target).toEqual({ kind: "local", system: "own" });
        expect(notes.join("\n")).toMatch(reason);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    120_000,
  );
});

it("rejects a filter without a match, and shows an id", async () => {
  await expect(verify("both/nonsense")).rejects.toThrow(/matches nothing.*both\/health\/callerSubnet\/caller-func/);
});
