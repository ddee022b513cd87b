import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { isCrash } from "../host/app-instance.ts";
import type { RpcInvocationRequest } from "../host/worker/protocol.ts";
import { WorkerProcess } from "../host/worker/worker-process.ts";
import { isAlive, lineLike, run, type RunningHost, stage } from "./host-fixture.ts";

/** An app that can be made to die, and to hang. */
const FRAGILE = `
  app.http("pid", { handler: () => ({ body: String(process.pid) }) });
  app.http("hang", { handler: async (_, context) => { context.log("hanging"); await new Promise(() => {}); } });
  app.http("reject", { handler: () => { Promise.reject(new Error("nobody caught this")); return { body: "fine" }; } });
  app.http("throw", { handler: () => { setImmediate(() => { throw new Error("thrown later"); }); return new Promise(() => {}); } });
  app.http("exit", { handler: () => process.exit(3) });`;

const get = (host: RunningHost, path: string): Promise<Response> => fetch(`${host.url}/api/${path}`);

async function pidOf(host: RunningHost): Promise<number> {
  const pid = Number(await (await get(host, "pid")).text());
  // A signal to process 0 would reach the whole process group, this test run included.
  if (!(pid > 1)) expect.fail("the worker did not tell its process id");
  return pid;
}

describe("the worker of the embedded host", () => {
  it.each([
    ["an unhandled rejection", "reject", /nobody caught this/],
    ["an uncaught exception", "throw", /thrown later/],
    ["process.exit", "exit", /the worker ended \(exit code 3\); a new one starts/],
  ])("is started anew after %s: calls in flight get an empty 500, later ones wait", async (_, path, reason) => {
    const host = await run(FRAGILE);
    const before = await pidOf(host);
    const hanging = get(host, "hang");
    await lineLike(host, /^hanging$/);
    const killing = get(host, path);
    const inFlight = await hanging;
    expect([inFlight.status, await inFlight.text()]).toEqual([500, ""]);
    await killing;
    const after = await pidOf(host);
    expect(after).not.toBe(before);
    expect(isAlive(before)).toBe(false);
    await lineLike(host, reason);
  });

  it("is started anew when it is killed, again and again", async () => {
    const host = await run(FRAGILE);
    const pids = new Set<number>();
    for (let round = 0; round < 3; round += 1) {
      const pid = await pidOf(host);
      pids.add(pid);
      process.kill(pid, "SIGKILL");
      // Windows knows no signals: there it is an exit code.
      const ends = process.platform === "win32" ? "the worker ended (exit code" : "the worker ended (SIGKILL)";
      await expect.poll(() => host.lines.filter((line) => line.includes(ends)).length).toBe(round + 1);
    }
    await pidOf(host);
    expect(pids.size).toBe(3);
    await lineLike(host, /a new one starts in 400 ms/);
  });

  // On Windows a signal that one process sends another ends it on the spot.
  it.skipIf(process.platform === "win32")(
    "outlives the Ctrl+C that reaches the whole process group: its host says when it ends",
    async () => {
      const host = await run(FRAGILE);
      const pid = await pidOf(host);
      for (const signal of ["SIGINT", "SIGTERM"]) process.kill(pid, signal);
      expect(await pidOf(host)).toBe(pid);
    },
  );

  it("is ended and started anew when a call exceeds functionTimeout", async () => {
    const host = await run(FRAGILE, { hostJson: { functionTimeout: "00:00:01" } });
    const before = await pidOf(host);
    const response = await get(host, "hang");
    expect([response.status, await response.text()]).toEqual([500, ""]);
    await lineLike(host, /Timeout value of 1 s exceeded/);
    expect(await pidOf(host)).not.toBe(before);
  });

  it("is ended even when it spins without end", async () => {
    const host = await run(`app.http("spin", { handler: () => { for (;;) {} } });`, {
      hostJson: { functionTimeout: "00:00:01" },
    });
    expect((await get(host, "spin")).status).toBe(500);
  });

  it("sees the settings and what a process needs, and nothing else of the environment", async () => {
    process.env["DEVELOPERS_OWN"] = "x";
    process.env["NODE_EXTRA_CA_CERTS"] = "/nowhere";
    try {
      const host = await run(`app.http("env", { handler: () => ({ jsonBody: process.env }) });`, {
        settings: { MY_SETTING: "value" },
      });
      const env = (await (await get(host, "env")).json()) as Record<string, string>;
      expect(env).toMatchObject({ MY_SETTING: "value", AZURE_FUNCTIONS_ENVIRONMENT: "Development" });
      expect(env["PATH"]).toBe(process.env["PATH"]);
      expect(Object.keys(env).filter((name) => /DEVELOPERS|VITEST|NODE_EXTRA|NODE_OPTIONS/.test(name))).toEqual([]);
    } finally {
      delete process.env["DEVELOPERS_OWN"];
      delete process.env["NODE_EXTRA_CA_CERTS"];
    }
  });

  it.each(["cjs", "esm"] as const)("loads %s bundles, and runs their hooks in order", async (format) => {
    const source = `
      app.hook.appStart((context) => { console.log("appStart " + typeof context.hookData); });
      app.hook.preInvocation((context) => {
        console.log("pre " + context.invocationContext.functionName);
        context.hookData.mine = 1;
        context.inputs = ["replaced"];
      });
      app.hook.postInvocation((context) => {
        console.log("post " + context.hookData.mine + " " + (context.error?.message ?? JSON.stringify(context.result)));
        if (context.error) { context.error = null; context.result = { status: 418 }; }
      });
      app.hook.appTerminate(async () => { await new Promise((resolve) => setTimeout(resolve, 50)); console.log("terminated"); });
      app.http("input", { handler: (input) => ({ body: input }) });
      app.http("fails", { handler: () => { throw new Error("oh"); } });`;
    const host = await run(source, { format });
    expect(await (await get(host, "input")).text()).toBe("replaced");
    expect((await get(host, "fails")).status).toBe(418);
    await host.stop();
    const said = host.lines.filter((line) => /^(?:appStart|pre|post|terminated)/.test(line));
    expect(said).toEqual([
      "appStart object",
      "pre input",
      'post 1 {"body":"replaced"}',
      "pre fails",
      "post 1 oh",
      "terminated",
    ]);
  });
});

describe("stopping the embedded host", () => {
  it("lets calls in flight finish, takes no new ones, and leaves no process", async () => {
    const source = `app.http("slow", { handler: async (_, context) => {
      context.log("begun");
      await new Promise((resolve) => setTimeout(resolve, 500));
      return { body: "done" };
    } });`;
    const host = await run(source);
    const call = get(host, "slow");
    await lineLike(host, /^begun$/);
    const stopping = host.stop();
    await expect(get(host, "slow")).rejects.toThrow();
    expect(await (await call).text()).toBe("done");
    await stopping;
    expect(host.pids()).toHaveLength(1);
    expect(host.pids().filter(isAlive)).toEqual([]);
  });

  it("ends an app whose appTerminate hook never comes back", async () => {
    const host = await run(`app.hook.appTerminate(() => new Promise(() => {}));`);
    await host.stop();
    expect(host.pids().filter(isAlive)).toEqual([]);
  });

  it("can be asked for twice, and while the worker is being restarted", async () => {
    const host = await run(FRAGILE);
    await get(host, "exit");
    await Promise.all([host.stop(), host.stop()]);
    await delay(300);
    expect(host.pids().filter(isAlive)).toEqual([]);
  });
});

describe("the end of a worker", () => {
  const source = `
    app.hook.appTerminate(() => { if (process.env.AT_STOP === "crash") process.exit(4); if (process.env.AT_STOP === "hang") return new Promise(() => {}); });
    app.http("hang", { handler: () => new Promise(() => {}) });
    app.http("exit", { handler: () => process.exit(3) });`;

  async function ended(how: "stop" | "exit", settings: Record<string, string> = {}): Promise<string[]> {
    const lines: string[] = [];
    const log = (_: string, __: string, line: string): void => {
      lines.push(line);
    };
    const worker = new WorkerProcess({ appFolder: await stage(source), settings, inspectPort: undefined, log });
    const { functions } = await worker.start();
    const invoke = (name: string): Promise<unknown> => {
      const functionId = functions.find((candidate) => candidate.name === name)?.functionId ?? "";
      const request: RpcInvocationRequest = {
        ...{ invocationId: name, functionId, triggerMetadata: {}, traceContext: { traceParent: "", attributes: {} } },
        inputData: [],
      };
      return worker.invoke(request).catch((error: unknown) => lines.push(String(error)));
    };
    const hanging = invoke("hang");
    if (how === "exit") await invoke("exit");
    await worker.stop();
    await hanging;
    return lines;
  }

  it("is no crash when it was stopped in order, also during a call", async () => {
    const lines = await ended("stop");
    expect(lines).toContain("Error: the host stopped the worker before its response");
    expect(lines.filter(isCrash)).toEqual([]);
  });

  it("is no crash when the app takes too long to stop", async () => {
    const lines = await ended("stop", { AT_STOP: "hang" });
    expect(lines).toContain("the worker had not stopped after 5 s: killed");
    expect(lines.filter(isCrash)).toEqual([]);
  });

  it("is a crash when it ended by itself", async () => {
    expect((await ended("exit")).filter(isCrash)).toContain(
      "Error: the worker ended (exit code 3) before its response",
    );
  });

  it("is a crash when it ended by itself while it stopped", async () => {
    const lines = await ended("stop", { AT_STOP: "crash" });
    expect(lines.filter(isCrash)).toContain("the worker ended (exit code 4) while it stopped");
  });
});

it("what an app writes to stderr is an error only where it says so, as under the Functions host", async () => {
  const host = await run(`
    for (const line of ["Debugger listening on ws://...", "it failed", "a warning"]) console.error(line);
    app.http("one", { handler: () => ({}) });`);
  await lineLike(host, /^Debugger listening/);
  await lineLike(host, /^\[error\] it failed$/);
  await lineLike(host, /^\[warning\] a warning$/);
});
