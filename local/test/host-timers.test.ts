import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseSchedule } from "../host/timers/schedule.ts";
import { lineLike, run, SAY_PID, stage, start, type RunningHost } from "./host-fixture.ts";

interface Run {
  readonly timer: {
    readonly isPastDue: boolean;
    readonly schedule: { readonly adjustForDST: boolean };
    readonly scheduleStatus: { readonly last: string; readonly next: string; readonly lastUpdated: string } | null;
  };
}

/** A timer function that logs every run, with options as source text; `body` runs after that. */
const timer = (options: string, body = ""): string => `
  let runs = 0;
  app.timer("tick", { ${options}, handler: async (timer, context) => {
    runs += 1;
    context.log("run " + JSON.stringify({ timer }));
    ${body}
  } });`;

const runsOf = (host: RunningHost): Run[] =>
  host.lines.filter((line) => line.startsWith("run ")).map((line) => JSON.parse(line.slice(4)) as Run);

async function waitForRuns(host: RunningHost, count: number): Promise<readonly Run[]> {
  await expect.poll(() => runsOf(host).length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);
  return runsOf(host);
}

const runNow = (host: RunningHost): Promise<Response> =>
  fetch(`${host.url}/admin/functions/tick`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"input":""}`,
  });

/** A staged app with an hourly timer, whose stored status is as given. */
async function stageWithStatus(status: unknown, options = `schedule: "0 0 * * * *"`): Promise<string> {
  const folder = await stage(SAY_PID + timer(options));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, ".timers"));
  await writeFile(
    join(folder, ".timers/tick.timer.json"),
    typeof status === "string" ? status : JSON.stringify(status),
  );
  return folder;
}

async function runFor(folder: string): Promise<RunningHost> {
  const host = await start(folder);
  onTestFinished(() => host.stop());
  return host;
}

describe("timers of the embedded host", () => {
  it("fire on their schedule, on time, with no status below one minute", async () => {
    const host = await run(timer(`schedule: "* * * * * *"`));
    const [first] = await waitForRuns(host, 2);
    expect(first?.timer).toEqual({ isPastDue: false, schedule: { adjustForDST: true }, scheduleStatus: null });
    await lineLike(host, /^Executing 'Functions.tick' \(Reason='Timer fired at /);
    expect(host.functions).toEqual([{ name: "tick", schedule: "* * * * * *" }]);
  });

  it("resolve %SETTING% in the schedule", async () => {
    const host = await run(timer(`schedule: "%EVERY% * * * * *"`), { settings: { EVERY: "*/1" } });
    await waitForRuns(host, 1);
    expect(host.functions[0]?.schedule).toBe("*/1 * * * * *");
  });

  it("run on start-up where wanted, not past due", async () => {
    const host = await run(timer(`schedule: "0 0 0 1 1 *", runOnStartup: true`));
    const [first] = await waitForRuns(host, 1);
    expect(first?.timer.isPastDue).toBe(false);
    expect(first?.timer.scheduleStatus).toMatchObject({ last: "0001-01-01T00:00:00+00:00" });
  });

  it("do not run on start-up otherwise, but keep their status from the first start on", async () => {
    const host = await run(timer(`schedule: "0 0 0 1 1 *"`));
    const file = join(host.folder, ".timers/tick.timer.json");
    await expect.poll(() => readFile(file, "utf8").catch(() => "")).toContain("next");
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ last: null, next: expect.any(String) as string });
    expect(runsOf(host)).toEqual([]);
  });

  it("catch up once, past due, for all runs that were missed, and not again at the next start", async () => {
    const last = Date.now() - 5 * 60 * 60 * 1000;
    const next = parseSchedule("0 0 * * * *").nextAfter(last);
    const iso = (time: number): string => new Date(time).toISOString();
    const folder = await stageWithStatus({ last: iso(last), next: iso(next), lastUpdated: iso(last) });
    const host = await runFor(folder);
    const [first] = await waitForRuns(host, 1);
    expect(first?.timer).toMatchObject({ isPastDue: true, scheduleStatus: { last: iso(last).replace("Z", "+00:00") } });
    await lineLike(host, /Executed 'Functions.tick'/);
    await host.stop();
    expect(runsOf(host)).toHaveLength(1);

    const again = await runFor(folder);
    await runNow(again);
    expect((await waitForRuns(again, 1)).map((run) => run.timer.isPastDue)).toEqual([false]);
  });

  it.each([
    [
      "the schedule has changed since",
      { last: "2020-01-01T00:10:00Z", next: "2020-01-01T00:20:00Z", lastUpdated: null },
    ],
    ["the stored status makes no sense", "nonsense"],
    ["the stored status has no times", {}],
  ])("do not catch up when %s", async (_, status) => {
    const host = await runFor(await stageWithStatus(status));
    await runNow(host);
    const runs = await waitForRuns(host, 1);
    expect(runs.map((run) => run.timer.isPastDue)).toEqual([false]);
    expect(Date.parse(runs[0]?.timer.scheduleStatus?.next ?? "")).toBeGreaterThan(Date.now());
  });

  it("do not catch up when useMonitor is off", async () => {
    const status = { last: null, next: "2020-01-01T01:00:00Z", lastUpdated: "2020-01-01T00:10:00Z" };
    const host = await runFor(await stageWithStatus(status, `schedule: "0 0 * * * *", useMonitor: false`));
    await runNow(host);
    expect((await waitForRuns(host, 1))[0]?.timer).toMatchObject({ isPastDue: false, scheduleStatus: null });
  });

  it("never overlap: ticks during a long run become one", async () => {
    const body = `
      if (runs === 1) await new Promise((resolve) => setTimeout(resolve, 3500));
      context.log("end " + runs);`;
    const host = await run(timer(`schedule: "* * * * * *"`, body));
    await lineLike(host, /^end 3$/);
    const order = host.lines.filter((line) => /^(?:run|end) /.test(line)).map((line) => line.slice(0, 3));
    expect(order.slice(0, 6)).toEqual(["run", "end", "run", "end", "run", "end"]);
    expect(order.join("")).not.toContain("runrun");
  });

  it("run by hand also where a setting disables them, and then only so", async () => {
    const host = await run(timer(`schedule: "* * * * * *"`), { settings: { "AzureWebJobs.tick.Disabled": "true" } });
    await lineLike(host, /'tick' function is not served: it is disabled/);
    await delay(1_500);
    expect(runsOf(host)).toEqual([]);
    expect((await runNow(host)).status).toBe(202);
    await waitForRuns(host, 1);
  });

  it("run now by the admin API, in any case of their name", async () => {
    const host = await run(timer(`schedule: "0 0 0 1 1 *"`));
    const response = await fetch(`${host.url}/admin/functions/TICK`, {
      method: "POST",
      headers: { "content-type": "application/json; charset=utf-8" },
      body: `{"input": ""}`,
    });
    expect([response.status, await response.text()]).toEqual([202, ""]);
    const [first] = await waitForRuns(host, 1);
    expect(first?.timer.isPastDue).toBe(false);
    expect(await (await fetch(`${host.url}/admin/functions/tick`)).json()).toEqual({ name: "tick", isDisabled: false });
  });
});
