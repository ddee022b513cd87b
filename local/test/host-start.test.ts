import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { isAlive, lineLike, run, SAY_PID, stage, start } from "./host-fixture.ts";
import { ORDERLY, observeStop } from "./host-observed.ts";

const OK = `app.http("ok", { handler: () => ({ body: "ok" }) });`;

/** Starts an app that must not start; returns the error, after making sure that no process is left. */
async function failure(source: string, hostJson: unknown = {}, settings: Record<string, string> = {}): Promise<string> {
  const folder = await stage(`${SAY_PID} ${source}`, { hostJson });
  onTestFinished(() => rm(folder, { recursive: true }));
  const lines: string[] = [];
  const error = await start(folder, { settings, log: (line) => lines.push(line) }).then(
    () => expect.fail("it started"),
    (reason: unknown) => reason as Error,
  );
  const pids = lines.flatMap((line) => /^worker process (\d+)$/.exec(line)?.[1] ?? []).map(Number);
  await expect.poll(() => pids.filter(isAlive)).toEqual([]);
  return error.message;
}

describe("starting the embedded host fails, with the reason,", () => {
  it.each([
    ["when the app throws while it loads", `throw new Error("SETTING_X is missing");`, /^SETTING_X is missing$/],
    [
      "when the app's start hook throws",
      `app.hook.appStart(() => { throw new Error("cannot start"); });`,
      /^cannot start$/,
    ],
    ["when the app ends itself while it loads", `process.exit(7);`, /the worker ended \(exit code 7\) while it loaded/],
    ["when a name is registered twice", OK + OK, /A function with id "ok" has already been registered/],
    [
      "for a trigger it does not know",
      `app.storageQueue("queue", { queueName: "q", connection: "c", handler: () => {} });`,
      /function 'queue': a binding of type "queueTrigger" is not supported by the embedded host: use --host func$/,
    ],
    [
      "for an output it does not know",
      `import { output } from "@azure/functions";
       app.http("out", { extraOutputs: [output.storageQueue({ queueName: "q", connection: "c" })], handler: () => ({}) });`,
      /function 'out': a binding of type "queue" is not supported by the embedded host: use --host func$/,
    ],
    [
      "for a schedule that is not NCRONTAB",
      `app.timer("tick", { schedule: "@daily", handler: () => {} });`,
      /function 'tick': the schedule "@daily" is not valid: six fields/,
    ],
    [
      "for a schedule whose setting is missing",
      `app.timer("tick", { schedule: "%DELIVERY_SCHEDULE%", handler: () => {} });`,
      /function 'tick': its schedule is the setting DELIVERY_SCHEDULE, which is not set/,
    ],
    [
      "for an interval",
      `app.timer("tick", { schedule: "00:00:30", handler: () => {} });`,
      /the schedule "00:00:30" is not valid: an interval is not supported by the embedded host: use --host func$/,
    ],
    [
      "for a retry policy",
      `app.timer("tick", { schedule: "0 0 0 1 1 *", retry: { strategy: "fixedDelay", maxRetryCount: 2, delayInterval: 0 },
         handler: () => {} });`,
      /function 'tick': the option retry is not supported by the embedded host: use --host func$/,
    ],
    [
      "for a route constraint",
      `app.http("odd", { route: "odd/{id:int}", handler: () => ({}) });`,
      /function 'odd': route "api\/odd\/\{id:int\}": the segment "\{id:int\}" is not supported .*: use --host func$/,
    ],
    [
      "for HTTP streams",
      `app.setup({ enableHttpStream: true }); ${OK}`,
      /enableHttpStream: true \}\) is not supported by the embedded host: use --host func$/,
    ],
  ])("%s", async (_, source, message) => {
    expect(await failure(source)).toMatch(message);
  });

  it.each([
    ["{", /host\.json is not valid JSON/],
    ["[]", /host\.json must hold a JSON object/],
    ["{}", /"version" must be "2\.0", but is undefined/],
    [{ version: "3.0" }, /"version" must be "2\.0", but is "3\.0"/],
    [
      { functionTimeout: "5 minutes" },
      /"functionTimeout" must be "hh:mm:ss" of at least one second, or "-1", but is "5/,
    ],
    [{ functionTimeout: 300 }, /"functionTimeout" must be/],
    [{ functionTimeout: "00:00:00" }, /"functionTimeout" must be/],
    [{ extensions: { http: { routePrefix: 1 } } }, /"extensions\.http\.routePrefix" must be a string/],
    [{ extensions: { http: { maxOutstandingRequests: "2" } } }, /maxOutstandingRequests" must be a whole number/],
    [{ logging: { logLevel: { default: "Loud" } } }, /"logging\.logLevel\.default" must be one of trace, /],
  ])("for the host.json %j", async (hostJson, message) => {
    expect(await failure(OK, hostJson)).toMatch(message);
  });

  it("when there is no app", async () => {
    await expect(start("/nowhere")).rejects.toThrow(/host\.json cannot be read: is this the folder of a staged/);
  });

  it("when package.json names no file that is there", async () => {
    const folder = await stage(OK);
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "package.json"), `{"main":"gone.js"}`);
    await expect(start(folder)).rejects.toThrow(/names "gone.js" as main, but .* has no such file/);
    await writeFile(join(folder, "package.json"), `{}`);
    await expect(start(folder)).rejects.toThrow(/package\.json names no "main"/);
  });

  it("when the port is taken", async () => {
    const { port } = await run(OK);
    const folder = await stage(OK);
    onTestFinished(() => rm(folder, { recursive: true }));
    await expect(start(folder, { port })).rejects.toThrow(`In use by another program: port ${port}.`);
  });
});

describe("the embedded host starts", () => {
  it("with a warning for an extension bundle, which it ignores", async () => {
    const bundle = { id: "Microsoft.Azure.Functions.ExtensionBundle", version: "[4.*, 5.0.0)" };
    const host = await run(OK, { hostJson: { extensionBundle: bundle, functionTimeout: "-1" } });
    await lineLike(host, /^\[warning\] host\.json: extensionBundle is ignored/);
    expect((await fetch(`${host.url}/api/ok`)).status).toBe(200);
  });

  it("with a warning when the app registers nothing", async () => {
    const host = await run("");
    await lineLike(host, /No functions found/);
  });

  it("without the functions that settings disable", async () => {
    const host = await run(OK, { settings: { "AzureWebJobs.ok.Disabled": "true" } });
    expect((await fetch(`${host.url}/api/ok`)).status).toBe(404);
    await lineLike(host, /'ok' function is not served: it is disabled/);
  });

  it("on the loopback address only", async () => {
    const host = await run(OK);
    expect(host.url).toBe(`http://127.0.0.1:${host.port}`);
    await expect(fetch(`http://[::1]:${host.port}/api/ok`)).rejects.toThrow();
  });
});

const MAIN = join(import.meta.dirname, "../host/main.ts");

describe("the embedded host's command line", () => {
  const cli = (...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : error.code, stdout, stderr });
      });
    });

  it("shows help", async () => {
    const { code, stdout } = await cli("--help");
    expect([code, stdout]).toEqual([0, expect.stringContaining("--settings <file>")]);
  });

  it.each([
    [[], /^Name one app folder/],
    [["app", "--port", "x"], /^--port must be a whole number from 0 to 65535, but is "x"/],
    [["app", "--nonsense"], /^Unknown option '--nonsense'/],
  ])("refuses the arguments %j with exit code 2", async (args, message) => {
    const { code, stderr } = await cli(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it("ends with exit code 1 and the app's own error when it cannot be loaded", async () => {
    const folder = await stage(`throw new Error("the app's own words");`);
    onTestFinished(() => rm(folder, { recursive: true }));
    const { code, stderr } = await cli(folder, "--port", "0");
    expect([code, stderr]).toEqual([1, "the app's own words\n"]);
  });

  it("ends with exit code 1 and one line when the port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const folder = await stage(OK);
    onTestFinished(() => rm(folder, { recursive: true }));
    const { code, stderr } = await cli(folder, "--port", String(port));
    expect([code, stderr]).toEqual([1, expect.stringMatching(`^In use by another program: port ${port}\\. [^\n]+\n$`)]);
  });

  // On Windows a signal that one process sends another ends it on the spot.
  it.skipIf(process.platform === "win32").each(["SIGINT", "SIGTERM"] as const)(
    "serves the settings file's values until %s, then ends cleanly",
    async (signal) => {
      const { child, lines, pid, url } = await serve();
      expect(await (await fetch(`${url}/api/setting`)).text()).toBe("from the file");
      child.kill(signal);
      const [code] = (await once(child, "exit")) as [number | null];
      expect(code).toBe(0);
      expect(lines).toContain("terminated");
      expect(isAlive(pid)).toBe(false);
    },
  );

  // On Windows a signal that one process sends another ends it on the spot.
  it.skipIf(process.platform === "win32")(
    "answers all calls under way at SIGTERM under load, cuts none off, and is gone then",
    async () => {
      const { child, url } = await serve(
        `app.http("slow", { handler: async () => { await new Promise((resolve) => setTimeout(resolve, 50)); return {}; } });`,
      );
      const ended = once(child, "exit");
      const seen = await observeStop({ port: Number(new URL(url).port), stop: () => child.kill("SIGTERM") });
      expect(seen).toEqual(ORDERLY);
      expect(await ended).toEqual([0, null]);
    },
  );

  it("leaves no worker behind when it is killed", async () => {
    const { child, pid } = await serve();
    child.kill("SIGKILL");
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });

  async function serve(more = "") {
    // The interval keeps the app's event loop busy: only the host's end makes this worker end.
    const source = `${SAY_PID} setInterval(() => {}, 1000); app.hook.appTerminate(() => console.log("terminated"));
      app.http("setting", { handler: () => ({ body: process.env.MY_SETTING }) }); ${more}`;
    const folder = await stage(source);
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "local.settings.json"), `{"Values":{"MY_SETTING":"from the file"}}`);
    const child = spawn(process.execPath, [MAIN, folder, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const lines: string[] = [];
    child.stdout.on("data", (text: Buffer) => lines.push(...text.toString().trimEnd().split("\n")));
    const url = /http:\/\/127[^/]+/.exec(await lineLike({ lines }, /setting: \[GET,POST\]/))?.[0] ?? "";
    const pid = Number((await lineLike({ lines }, /^worker process/)).split(" ")[2]);
    return { child, lines, pid, url };
  }
});
