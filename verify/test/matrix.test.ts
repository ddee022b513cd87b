/** The local verification of this repository's services, also with one mistake. Any services will do. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiNames } from "@restricted-calls/shared/access-policy";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parseAccessRestrictions, startTestSystem, type TestSystem } from "../../local/index.ts";
import { accessRestrictionsOf, readSnapshot } from "../../infra/snapshot.ts";
import { stage } from "../../tools/build.ts";
import { operationsOf, typicalOperation } from "../../tools/contracts.ts";
import { matrixOf } from "../local/matrix.ts";
import { stageWithoutGuard } from "../local/without-guard.ts";
import type { ServiceName } from "@restricted-calls/shared/access-policy";
import type { Progress } from "../progress.ts";
import { everyOperation } from "../model/operations.ts";
import { originsOf } from "../model/origins.ts";
import type { Cell, Report } from "../model/report.ts";
import { verifyLocal } from "../verify.ts";
import { accessPolicy } from "../../tools/access-policy.ts";

const template = vi.hoisted(() => ({ hostSettings: undefined as Record<string, string> | undefined }));
vi.mock("../../infra/snapshot.ts", async (original) => {
  const snapshots: typeof import("../../infra/snapshot.ts") = await original();
  const hostSettingsOf: typeof snapshots.hostSettingsOf = (snapshot, service) =>
    template.hostSettings ?? snapshots.hostSettingsOf(snapshot, service);
  return { ...snapshots, hostSettingsOf };
});

/** The first service that others may call, and its first caller. */
const CALLEE = apiNames(accessPolicy)[0] as ServiceName;
const callers: Readonly<Record<string, readonly string[]>> = accessPolicy.services[CALLEE].callers;
const [CALLER = ""] = Object.keys(callers);
const typical = typicalOperation(CALLEE);
const [firstRole = ""] = Object.keys(accessPolicy.services[CALLEE].roles);

/** The callee's operations: all, those behind the guard, and all others. */
const own = new Set(everyOperation(CALLEE).map(({ id }) => id));
const guarded = operationsOf(CALLEE).flatMap(({ id, ...other }) =>
  other.access === "token" ? [{ id, ...other }] : [],
);
const isOpen = (operation: string): boolean => !guarded.some(({ id }) => id === operation);
const ofCallee = (cells: readonly Cell[]): Cell[] => cells.filter(({ operation }) => own.has(operation));

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
    for (const { id: operation, role } of guarded) {
      const cell = report.cells.find(({ id }) => id === `both/${operation}/callerSubnet/${CALLER}`);
      expect(cell?.actual?.refusedBy === "nobody", operation).toBe(callers[CALLER]?.includes(role));
    }
  });

  it("marks what only one layer refuses: a granted identity from a wrong network, and every caller without the guard", () => {
    const held = report.cells.filter(({ heldByOneLayer }) => heldByOneLayer);
    const ofCallers = (layers: string): string[] =>
      ids(ofCallee(held).filter((cell) => cell.layers === layers && cell.caller !== null && !isOpen(cell.operation)));
    const origins = originsOf(accessPolicy, CALLEE);
    const elsewhere = origins.filter(({ callerOf }) => !(String(callerOf) in callers));
    const expected = guarded.flatMap(({ id, role }) => {
      const holders = Object.keys(callers).filter((caller) => callers[caller]?.includes(role));
      return elsewhere.flatMap((origin) =>
        [...holders, ...(role === firstRole ? ["other-role"] : [])].map(
          (caller) => `application-only/${id}/${origin.id}/${caller}`,
        ),
      );
    });
    expect(expected).not.toEqual([]);
    expect(ofCallers("application-only")).toEqual(expected.sort());
    const admitted = origins.filter(({ callerOf }) => String(callerOf) in callers).map(({ id }) => id);
    expect(ofCallers("network-only").filter((id) => !admitted.includes(id.split("/")[2] ?? ""))).toEqual([]);
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
  const restrictions = accessRestrictionsOf(readSnapshot("default"), CALLEE);
  const restartCallee = async (overrides?: Record<string, string>): Promise<void> => {
    await system.stopApp(CALLEE);
    await system.startApp(CALLEE, overrides);
  };

  it("lets the internet in: each call from there that Entra ID does not stop differs, and no other", async () => {
    const rule = { name: "mistake", action: "Allow", priority: 1, ipAddress: "203.0.113.0/24" };
    system.setRestrictions(
      CALLEE,
      parseAccessRestrictions({
        ...restrictions,
        ipSecurityRestrictions: [rule, ...(restrictions.ipSecurityRestrictions ?? [])],
      }),
    );
    try {
      const report = await verify("both");
      // Calls of the Functions host go to another host, behind other front ends.
      const fromThere = ofCallee(report.cells).filter(
        ({ origin, caller, operation }) =>
          origin === "internet" && caller !== "unassigned" && !operation.startsWith("host-"),
      );
      expect(different(report)).toEqual(ids(fromThere));
      expect(report.status).toBe("failed");
    } finally {
      system.setRestrictions(CALLEE, parseAccessRestrictions(restrictions));
    }
  });

  it("lists an identity that the policy does not name", async () => {
    const settings = await settingsOf(CALLEE);
    const unlisted = system.endpoints.identities["unlisted"]?.clientId ?? "";
    await restartCallee({ ALLOWED_CALLERS: `${settings["ALLOWED_CALLERS"] ?? ""},${unlisted}` });
    try {
      expect(different(await verify("both/*/callerSubnet"))).toEqual(
        guarded.map(({ id }) => `both/${id}/callerSubnet/not-listed`).sort(),
      );
    } finally {
      await restartCallee();
    }
  });

  it("has the granted caller on its list of those who are shut out: each of its calls is refused, by that rule", async () => {
    await restartCallee({ DENIED_CALLERS: system.endpoints.identities[CALLER]?.clientId ?? "" });
    try {
      const report = await verify(`both/*/callerSubnet/${CALLER}`);
      for (const { operation, actual } of ofCallee(report.cells)) {
        expect(actual?.code ?? null, operation).toBe(isOpen(operation) ? null : "caller-denied");
      }
    } finally {
      await restartCallee();
    }
  });

  it("only reports what it would refuse: each call by a known caller differs that its guard refuses, and no call that it admits", async () => {
    const soon = new Date(Date.now() + 7 * 24 * 3600_000).toISOString().slice(0, 10);
    await restartCallee({ REPORT_ONLY_UNTIL: soon });
    try {
      const report = await verify("both/*/callerSubnet");
      const refused = ofCallee(report.cells).filter(({ expected }) => expected.refusedBy === "application");
      const known = refused.filter(({ expected }) => /^(caller-not-allowed|role-missing)$/.test(expected.code ?? ""));
      // Without a valid token, a handler that looks at its caller ends the call with the refusal.
      expect(ids(refused)).toEqual(expect.arrayContaining(different(report)));
      expect(different(report)).toEqual(expect.arrayContaining(ids(known)));
      expect(known.length).toBeGreaterThan(0);
    } finally {
      await restartCallee();
    }
  });

  // Builds the app twice, and starts it twice.
  it("has no guard: only the network refuses calls", async () => {
    const folder = join(system.folder, "apps", CALLEE);
    await stageWithoutGuard(CALLEE, folder);
    await restartCallee();
    try {
      const report = await verify("both");
      expect(different(report)).toEqual(
        ids(ofCallee(report.cells).filter(({ expected }) => expected.refusedBy === "application")),
      );
    } finally {
      await stage(CALLEE, folder);
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
    template.hostSettings = settings;
    try {
      const { cells } = await verify(only);
      expect(ids(ofCallee(cells).filter(({ result }) => result === "different"))).toEqual(expected);
    } finally {
      template.hostSettings = undefined;
    }
  });

  it("refuses the granted caller", async () => {
    await restartCallee({ ALLOWED_CALLERS: "00000000-0000-4000-8000-000000000000" });
    try {
      const id = `both/${typical.id}/callerSubnet/${CALLER}`;
      expect(different(await verify(id))).toEqual([id]);
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
      () => ({ frontEnds: { [CALLEE]: { from: { [CALLER]: "http://127.0.0.1:1" } } } }),
      new RegExp(`whose ${CALLEE} does not respond`),
    ],
  ])(
    "%s",
    async (_, difference, reason) => {
      const folder = await mkdtemp(join(tmpdir(), "matrix-"));
      const notes: string[] = [];
      const progress: Progress = { ...silent, note: (line) => notes.push(line) };
      try {
        await writeFile(join(folder, "endpoints.json"), JSON.stringify({ ...system.endpoints, ...difference() }));
        const report = await verifyLocal({ only: `both/${typical.id}/internet/no-token`, folder, progress });
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
  await expect(verify("both/nonsense")).rejects.toThrow(/matches nothing.*both\/[a-z-]+\/callerSubnet\//);
});
