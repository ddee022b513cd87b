/** docs/make-it-yours.md, "A caller that is not here": the matrix of a policy with external callers, by real calls. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Policy } from "@restricted-calls/shared/access-policy";
import { environmentFor } from "../../tools/environment.mjs";
import { copyRepository, type RepositoryCopy } from "../../tools/testing/repository-copy.ts";
import { followNewService, updateSnapshot } from "../../tools/testing/service-of-copy.ts";
import { type CopySystem, startCopy } from "./docs-commands.ts";
import { applyBlocks, blocksOf } from "./docs-pages.ts";

const page = blocksOf(readFileSync(join(import.meta.dirname, "..", "..", "docs", "make-it-yours.md"), "utf8"));

/** What the report of a run has, as far as it is read here. */
interface Report {
  readonly cells: readonly { readonly id: string; readonly actual: Outcome | null; readonly result: string }[];
}

interface Outcome {
  readonly refusedBy: string;
  readonly code: string | null;
}

describe.skipIf(process.platform === "win32")("a policy with external callers", { timeout: 300_000 }, () => {
  let copy: RepositoryCopy;
  let policy: Policy;
  let report: Report;

  beforeAll(() => {
    copy = copyRepository("external-callers-");
    for (const number of [1, 2, 3]) {
      const blocks = page.filter(({ section }) => section.startsWith(`${number}. `));
      for (const { text } of blocks.filter(({ text }) => text.startsWith("npm run new:service")))
        followNewService(text, copy.folder);
      applyBlocks(blocks, copy.folder);
    }

    // The page shows one from a subnet. Another one calls from addresses.
    const file = join(copy.folder, "shared", "access-policy.json");
    const shown = JSON.parse(readFileSync(file, "utf8")) as { services: Policy["services"] } & Policy;
    const { "callee-func": callee, ...services } = shown.services;
    if (callee === undefined) throw new Error("There is no callee-func.");
    policy = {
      ...shown,
      services: {
        ...services,
        "callee-func": { ...callee, callers: { ...callee.callers, gateway: ["Inventory.Manage"] } },
      },
      externalCallers: {
        ...shown.externalCallers,
        gateway: {
          clientId: "0d9c7f6e-0e4d-4f57-8f5d-6a1d1c0b7e21",
          objectId: "0d9c7f6e-0e4d-4f57-8f5d-6a1d1c0b7e22",
          addressRanges: ["203.0.113.0/24"],
        },
      },
    };
    writeFileSync(file, JSON.stringify(policy));
    updateSnapshot(copy.folder);
    const run = spawnSync(process.execPath, ["verify/main.ts", "--only", "both"], {
      cwd: copy.folder,
      encoding: "utf8",
      env: { ...environmentFor(), NO_COLOR: "1" },
    });
    expect(run.status, `${run.stdout}${run.stderr}`).toBe(0);
    report = JSON.parse(readFileSync(join(copy.folder, ".local", "verify", "report.json"), "utf8")) as Report;
  }, 300_000);
  afterAll(() => {
    copy.remove();
  });

  const by = (id: string): string => {
    const { refusedBy, code } = report.cells.find((cell) => cell.id === id)?.actual ?? {
      refusedBy: "no such call",
      code: "",
    };
    return code === null ? refusedBy : `${refusedBy}: ${code}`;
  };

  test("has a matrix in which every call ends as the policy says", () => {
    expect(report.cells.length).toBeGreaterThan(1_000);
    expect(report.cells.filter(({ result }) => result !== "as-expected")).toEqual([]);
  });

  test("compiles, with any kinds of external callers", () => {
    const tsc = join(copy.folder, "node_modules", "typescript", "bin", "tsc");
    const compile = (): string => spawnSync(process.execPath, [tsc], { cwd: copy.folder, encoding: "utf8" }).stdout;
    const file = join(copy.folder, "shared", "access-policy.json");
    expect(compile()).toBe("");
    writeFileSync(
      file,
      JSON.stringify({ ...policy, externalCallers: { gateway: policy.externalCallers?.["gateway"] } }),
    );
    expect(compile()).toBe("");
    writeFileSync(file, JSON.stringify(policy));
  });

  test("lets each do what it is granted, from its network", () => {
    expect(by("both/get-stock/stock-report-subnet/stock-report")).toBe("nobody");
    expect(by("both/set-stock/gateway-addresses/gateway")).toBe("nobody");
  });

  test("refuses an external caller from another network, beyond its roles, and at a service that grants it nothing", () => {
    for (const network of ["otherSubnet", "internet"]) {
      expect(by(`both/get-stock/${network}/stock-report`)).toBe("network");
      expect(by(`both/set-stock/${network}/gateway`)).toBe("network");
    }
    expect(by("both/set-stock/stock-report-subnet/stock-report")).toBe("application: role-missing");
    expect(by("both/get-stock/gateway-addresses/gateway")).toBe("application: role-missing");
  });

  test("refuses everybody else in the network of an external caller", () => {
    for (const network of ["stock-report-subnet", "gateway-addresses"]) {
      expect(by(`both/get-stock/${network}/not-listed`)).toBe("application: caller-not-allowed");
      expect(by(`both/get-stock/${network}/no-role`)).toBe("application: role-missing");
      expect(by(`both/get-stock/${network}/unassigned`)).toBe("identity-provider: AADSTS501051");
      expect(by(`both/get-stock/${network}/no-token`)).toBe("application: no-credentials");
      expect(by(`both/host-keys/${network}/master-key`)).toBe("host");
    }
  });

  describe("on a running system", () => {
    let system: CopySystem;
    beforeAll(async () => {
      system = await startCopy(copy.folder);
    }, 120_000);
    afterAll(() => system.stop());

    const tokenFor = async (claims: object): Promise<string> => {
      const body = JSON.stringify({ as: "stock-report", claims });
      const response = await fetch(`${system.endpoints.entra.control}/tokens`, { method: "POST", body });
      return ((await response.json()) as { access_token: string }).access_token;
    };
    const get = async (token: string, network: "stock-report" | "gateway" | "internet"): Promise<[number, unknown]> => {
      const frontEnd = system.endpoints.frontEnds["callee-func"];
      const origin = network === "internet" ? frontEnd?.internet : frontEnd?.from[network];
      const response = await fetch(`${origin ?? ""}/api/inventory/widget`, {
        headers: { Authorization: `Bearer ${token}` },
      });
      const body = await response.text();
      return [response.status, response.headers.has("x-ms-forbidden-ip") ? "network" : (JSON.parse(body) as object)];
    };

    test("an external caller's own token is let in from its network, and refused without the role or from the internet", async () => {
      const good = await tokenFor({});
      expect(await get(good, "stock-report")).toEqual([200, expect.objectContaining({ sku: "widget" })]);
      expect(await get(good, "internet")).toEqual([403, "network"]);
      const withoutRole = await tokenFor({ roles: null });
      expect(await get(withoutRole, "stock-report")).toEqual([403, expect.objectContaining({ code: "role-missing" })]);
      const another = await tokenFor({ azp: "0d9c7f6e-0e4d-4f57-8f5d-6a1d1c0b7e23" });
      expect(await get(another, "stock-report")).toEqual([
        403,
        expect.objectContaining({ code: "caller-not-allowed" }),
      ]);
    });

    test("the internet has an address that no external caller has", async () => {
      const { internet = "" } = system.endpoints.frontEnds["callee-func"] ?? {};
      const response = await fetch(internet);
      expect([response.status, response.headers.get("x-ms-forbidden-ip")]).toEqual([403, "198.51.100.10"]);
    });
  });
});
