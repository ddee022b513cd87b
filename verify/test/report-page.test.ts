/** The report in a browser. */
import "../../tools/testing/example-system.ts";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type LaunchOptions, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Report } from "../model/report.ts";
import { anchorOf } from "../report/words.ts";
import { writeReport } from "../report/write-report.ts";
import {
  deploymentReport,
  failedReport,
  filteredReport,
  hostileReport,
  largeReport,
  passedReport,
} from "./report/fixtures.ts";

/** As a verification writes it, and the same of a few calls: axe takes ten seconds for all, and they are all alike. */
const reports = {
  whole: failedReport(),
  large: largeReport(),
  passed: someCallsOf(passedReport()),
  failed: someCallsOf(failedReport()),
  incomplete: someCallsOf(filteredReport()),
  deployment: deploymentReport(),
  hostile: hostileReport(`"'></script></style><script>document.title="taken"</script>`),
} satisfies Record<string, Report>;
type Name = keyof typeof reports;
const CALLS = failedReport().cells.length.toLocaleString("en-GB");

const launch = await findBrowser();
if (launch === undefined && process.env["REQUIRE_BROWSER"] === "1") {
  throw new Error("REQUIRE_BROWSER=1, and no Chromium was found. Install one, or name it in CHROMIUM_PATH.");
}

describe.skipIf(launch === undefined)("the page in Chromium", { tags: "needs-browser" }, () => {
  let browser: Browser;
  const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  let folder = "";
  let troubles: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch(launch);
    folder = await mkdtemp(join(tmpdir(), "report-page-"));
    for (const [name, report] of Object.entries(reports)) await writeReport(report, join(folder, name));
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  /** Opens a report; any console error, page error and request beyond the page itself is kept in `troubles`. */
  async function withPage(
    name: Name,
    run: (page: Page) => Promise<void>,
    { hash = "", ...options }: BrowserContextOptions & { hash?: string } = {},
  ): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const address = pathToFileURL(join(folder, name, "report.html")).href;
    troubles = [];
    page.on("console", (message) => troubles.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
    page.on("request", (request) => {
      const { protocol } = new URL(request.url());
      if (request.url().split("#")[0] !== address && protocol !== "data:") troubles.push(`request: ${request.url()}`);
    });
    try {
      await page.goto(address + hash);
      if (options.javaScriptEnabled !== false) await page.locator("#filter:not([hidden])").waitFor();
      await run(page);
    } finally {
      await context.close();
    }
    expect(troubles).toEqual([]);
  }

  const noViolations = async (page: Page): Promise<void> => {
    await page.evaluate(await readFile(axe, "utf8"));
    const found = await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => [id, nodes.length, nodes[0].html, nodes[0].failureSummary]))`);
    expect(found).toEqual([]);
  };

  it.each([
    ["whole", "Failed: the local system", `3 of ${CALLS} calls differ`],
    ["passed", "Passed: the local system", "calls match the access policy"],
    ["incomplete", "Incomplete: the local system", "only what matches “both/get-record/”"],
    ["deployment", "Failed: deployment prod", "2 of 8 settings differ"],
  ] as const)("begins with the status in words, asks for nothing else: %s", async (name, heading, words) => {
    await withPage(name, async (page) => {
      expect(await page.title()).toMatch(/^(Passed|Failed|Incomplete): verification of /);
      expect(await page.locator("h1").innerText()).toBe(heading);
      expect(await page.locator(".lead").innerText()).toContain(words);
    });
  });

  it.each([
    ["passed", "light", { colorScheme: "light" }],
    ["passed", "dark", { colorScheme: "dark" }],
    ["failed", "light", { colorScheme: "light" }],
    ["failed", "dark", { colorScheme: "dark" }],
    ["failed", "forced colours", { forcedColors: "active" }],
    ["incomplete", "light", { colorScheme: "light" }],
    ["deployment", "light", { colorScheme: "light" }],
    ["deployment", "dark", { colorScheme: "dark" }],
    ["deployment", "a narrow window", { viewport: { width: 360, height: 740 } }],
    ["failed", "a call opened", { hash: "#both/attack/callerSubnet/ended~20.an~20.hour~20.ago" }],
  ] as const)("has nothing that axe finds against: %s, %s", { timeout: 60_000 }, async (name, _, options) => {
    await withPage(name, noViolations, options);
  });

  it("has nothing that axe finds against on paper", { timeout: 60_000 }, async () => {
    await withPage("deployment", async (page) => {
      await page.emulateMedia({ media: "print" });
      await noViolations(page);
    });
  });

  it("filters by choice and by text, from the keyboard, and says how many calls are left", async () => {
    await withPage("whole", async (page) => {
      await page.locator("select[name=result]").focus();
      await page.keyboard.type("differs");
      await page.keyboard.press("Enter");
      expect(await page.locator("output").innerText()).toBe(`3 of ${CALLS} calls`);
      expect(await page.locator("a.cell:visible").count()).toBe(3);
      expect(await page.locator("table.grid:visible tbody tr:visible").count()).toBe(3);

      await page.locator("input[name=text]").focus();
      await page.keyboard.type("ended an hour");
      expect(await page.locator("output").innerText()).toBe(`1 of ${CALLS} calls`);
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.waitForFunction(`document.querySelector('output').value === 'All ${CALLS} calls'`);
      expect(await page.locator("a.cell:visible").count()).toBe(failedReport().cells.length);
    });
  });

  it("keeps the heads of a filtered grid over their columns", async () => {
    await withPage("whole", async (page) => {
      await page.locator("select[name=layers]").selectOption("both");
      await page.locator("select[name=operation]").selectOption("write-entry");
      await page.locator("select[name=caller]").selectOption("caller-func");
      const grid = page.locator("#matrix table.grid:visible");
      expect(await grid.count()).toBe(1);
      expect(await grid.locator("thead tr").first().locator("th:visible").allInnerTexts()).toEqual([
        "Who calls",
        "from the caller's subnet",
        "from another subnet",
        "from the internet",
      ]);
      expect(await grid.locator("thead tr").nth(1).locator("th:visible").count()).toBe(3);
      expect(await grid.locator("tbody td:visible").count()).toBe(3);
      expect(await grid.locator('th[colspan="1"]:visible').count()).toBe(3);
    });
  });

  it("opens a call by its address, goes on to the next, and closes with Escape", async () => {
    const [first, second] = ["both/get-record/internet/no-token", "both/write-entry/callerSubnet/caller-func"] as const;
    const hash = `#${anchorOf(first)}`;
    await withPage(
      "whole",
      async (page) => {
        const dialog = page.locator("dialog[open]");
        expect(await dialog.locator("h2").innerText()).toBe(
          "No token from the internet: 403 refused by the network layer",
        );
        expect(await dialog.innerText()).toContain("x-ms-forbidden-ip: 203.0.113.7");
        expect(await dialog.innerText()).toContain("Seen\n403 refused by the network layer as expected");
        await dialog.getByRole("button", { name: "Next call" }).click();
        expect(new URL(page.url()).hash).toBe(`#${anchorOf(second)}`);
        await page.keyboard.press("Escape");
        expect(await dialog.count()).toBe(0);
        expect(new URL(page.url()).hash).toBe("");
      },
      { hash },
    );
  });

  it("opens a call from the grid by the keyboard, and gives the focus back", async () => {
    await withPage("passed", async (page) => {
      const link = page.locator("a.cell").first();
      await link.focus();
      await page.keyboard.press("Enter");
      await page.locator("dialog[open]").waitFor();
      await page.keyboard.press("Escape");
      expect(await page.evaluate("document.activeElement === document.querySelector('a.cell')")).toBe(true);
      await page.keyboard.press("Enter");
      await page.locator("dialog[open]").waitFor();
      await page.goBack();
      await page.locator("dialog").waitFor({ state: "hidden" });
    });
  });

  it("closes with the back button, however fast a call was closed and opened again", async () => {
    await withPage("passed", async (page) => {
      // The dialog's close event comes later: both clicks are done by then.
      await page.evaluate(`for (const [i, link] of [...document.querySelectorAll("a.cell")].slice(0, 2).entries()) {
        link.click();
        if (i === 0) document.querySelector("dialog").close();
      }`);
      await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
      expect(new URL(page.url()).hash).not.toBe("");
      await page.goBack();
      await page.locator("dialog").waitFor({ state: "hidden" });
    });
  });

  it("copies the command that fixes a finding", async () => {
    await withPage("deployment", async (page) => {
      const first = page.locator(".card .command").first();
      await first.getByRole("button").click();
      await first.getByRole("button", { name: /^(Copied|Selected)/ }).waitFor();
      expect(await first.locator("code").innerText()).toContain("az rest --method DELETE");
    });
  });

  it("has all of it without a script, and opens a call by its address", async () => {
    const hash = "#both/get-record/internet/no-token";
    await withPage(
      "whole",
      async (page) => {
        const call = page.locator(`[id="${hash.slice(1)}"]`);
        expect(await call.isVisible()).toBe(true);
        expect(await call.innerText()).toContain("x-ms-forbidden-ip: 203.0.113.7");
        expect(await page.locator("form").isVisible()).toBe(false);
        expect(await page.locator("table.grid a.cell:visible").count()).toBe(reports.whole.cells.length);
      },
      { javaScriptEnabled: false, hash },
    );
  });

  it("shows the calls of a large report when a part is opened, filtered or linked to", async () => {
    const { cells } = reports.large;
    await withPage(
      "large",
      async (page) => {
        expect(await page.locator("dialog[open] h2").innerText()).toBe(
          "No token from the internet: 403 refused by the network layer",
        );
        await page.keyboard.press("Escape");
        expect(await page.locator("#matrix a.cell").count()).toBe(0);
        await page.locator("#matrix summary").first().click();
        const grid = page.locator("#matrix details[open] table.grid");
        await grid.first().waitFor();
        expect(await page.locator("#matrix a.cell").count()).toBe(
          cells.filter(
            ({ layers, operation, caller }) => layers === "both" && !operation.startsWith("other-") && caller !== null,
          ).length,
        );
        await page.locator("input[name=text]").fill("x-ms-forbidden-ip other-func");
        const found = cells.filter(
          (cell) => JSON.stringify(cell).includes("x-ms-forbidden-ip") && cell.operation.startsWith("other-"),
        );
        expect(await page.locator("output").innerText()).toBe(
          `${found.length.toLocaleString("en-GB")} of ${cells.length.toLocaleString("en-GB")} calls`,
        );
        await page.locator("input[name=text]").fill("");
        await page.locator("#calls summary").first().click();
        await page.locator("#calls details.call").first().waitFor();
      },
      { hash: "#both/get-record/internet/no-token" },
    );
  });

  it("shows hostile strings as text", async () => {
    await withPage("hostile", async (page) => {
      expect(await page.title()).not.toBe("taken");
      expect(await page.locator("body").innerText()).toContain(`<script>document.title="taken"</script>`);
      expect(await page.locator("script").count()).toBe(1);
    });
  });

  it.each([360, 768, 1280])("is never wider than a window of %d pixels", async (width) => {
    for (const name of ["failed", "deployment", "hostile"] as const) {
      await withPage(
        name,
        async (page) => {
          expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
        },
        { viewport: { width, height: 800 } },
      );
    }
  });

  it("keeps the heads of a long grid in sight", async () => {
    await withPage("whole", async (page) => {
      const topOf = (selector: string): Promise<number> =>
        page.evaluate(`document.querySelector("#attacks ${selector}").getBoundingClientRect().top`);
      await page.evaluate("document.querySelector('#attacks .scroll').scrollTo(0, 600)");
      const top = await topOf(".scroll");
      expect(Math.abs((await topOf("thead")) - top)).toBeLessThan(2);
      expect(await topOf("tbody tr")).toBeLessThan(top);
    });
  });

  it("shows the focus, beginning with a link that skips to the content", async () => {
    await withPage("deployment", async (page) => {
      await page.keyboard.press("Tab");
      expect(await page.locator(":focus").innerText()).toBe("Skip to the content");
      expect((await page.locator(":focus").boundingBox())?.y).toBeGreaterThanOrEqual(0);
      await page.keyboard.press("Enter");
      expect(await page.locator(":focus").getAttribute("id")).toBe("content");
    });
  });

  it("prints on a sane number of pages, with what differs opened", { timeout: 60_000 }, async () => {
    await withPage("whole", async (page) => {
      const paper = (await page.pdf({ preferCSSPageSize: true })).toString("latin1");
      const pages = paper.match(/\/Type\s*\/Page\b/g)?.length ?? 0;
      expect(pages).toBeGreaterThan(4);
      expect(pages).toBeLessThan(25);
      expect(paper).toMatch(/\/MediaBox\s*\[0 0 59[45][.\d]* 84[12][.\d]*\]/);
      await page.emulateMedia({ media: "print" });
      expect(await page.locator("#differences pre:visible").count()).toBeGreaterThan(5);
      expect(await page.locator("#calls .call:visible, form:visible, nav:visible").count()).toBe(0);
    });
  });
});

/** What differs, and every 36th call of the rest. */
function someCallsOf(report: Report): Report {
  return { ...report, cells: report.cells.filter(({ result }, i) => result === "different" || i % 36 === 0) };
}

/**
 * How to start the Chromium of CHROMIUM_PATH, of the usual places, or else an installed Chrome or Edge; undefined for none,
 * and where CHROMIUM_PATH is empty.
 */
async function findBrowser(): Promise<LaunchOptions | undefined> {
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const named = process.env["CHROMIUM_PATH"];
  if (named !== undefined) return named === "" ? undefined : { executablePath: named, args };
  const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/snap/bin/chromium"].filter((path) =>
    existsSync(path),
  );
  const ways = [...usual.map((executablePath) => ({ executablePath })), { channel: "chrome" }, { channel: "msedge" }];
  for (const way of ways) {
    try {
      const options = { ...way, args };
      await (await chromium.launch(options)).close();
      return options;
    } catch {
      // The next one may be there.
    }
  }
  return undefined;
}
