import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { SourceMap, type SourceMapPayload } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apps } from "../../tools/build.ts";
import { operationsOf } from "../../tools/contracts.ts";
import { defaultInspectPort, inspectPorts } from "../system/ports.ts";
import { freePort } from "../system/ports.ts";
import { startTestSystem, type TestSystem } from "../system/test-system.ts";

const root = join(import.meta.dirname, "..", "..");

/** A debugger, as far as a breakpoint needs one: the Chrome DevTools protocol over a WebSocket, as VS Code speaks it. */
async function attach(port: number) {
  const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
    webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? "");
  await once(socket, "open");
  const events: { method: string; params: unknown }[] = [];
  const answers = new Map<number, (result: unknown) => void>();
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as { id?: number; method: string; params: unknown; result: unknown };
    if (message.id === undefined) events.push(message);
    else answers.get(message.id)?.(message.result);
  });
  let lastId = 0;
  return {
    send: (method: string, params: object = {}): Promise<unknown> => {
      const id = ++lastId;
      socket.send(JSON.stringify({ id, method, params }));
      return new Promise((resolve) => answers.set(id, resolve));
    },
    event: async <T>(method: string, matches: (params: T) => boolean = () => true): Promise<T> => {
      const find = (): unknown => events.find((event) => event.method === method && matches(event.params as T))?.params;
      await expect.poll(find, { timeout: 10_000 }).toBeDefined();
      return find() as T;
    },
    close: () => {
      socket.close();
    },
  };
}

describe("the embedded host with --inspect", () => {
  let system: TestSystem;
  const ports: Record<string, number> = {};
  beforeAll(async () => {
    for (const app of apps) ports[app] = await freePort();
    system = await startTestSystem({ inspectPorts: ports });
  });
  afterAll(() => system.stop());

  // Every HTTP function of an app runs it, also before a refusal.
  const file = "shared/functions/handler.ts";
  const statement = "return await handler(request, context)";
  test.each(apps)("a debugger stops %s at a line of its TypeScript source", async (app) => {
    const [{ method, route } = { method: "", route: "" }] = operationsOf(app);
    const url = `${system.endpoints.apps[app] ?? ""}${route.replaceAll(/\{.*?\}/g, "x")}`;
    const inspector = await attach(ports[app] ?? 0);
    try {
      await inspector.send("Debugger.enable");
      const bundle = await inspector.event<{ scriptId: string; url: string; sourceMapURL: string }>(
        "Debugger.scriptParsed",
        (script) => script.url.endsWith(`/${app}/main.js`),
      );
      const mapFile = resolve(dirname(fileURLToPath(bundle.url)), bundle.sourceMapURL);
      const map = new SourceMap(JSON.parse(await readFile(mapFile, "utf8")) as SourceMapPayload);
      const source = await readFile(join(root, file), "utf8");
      const line = source.split("\n").findIndex((text) => text.includes(statement));
      const place = generatedPlace(map, mapFile, await readFile(fileURLToPath(bundle.url), "utf8"), { file, line });
      await inspector.send("Debugger.setBreakpoint", { location: { scriptId: bundle.scriptId, ...place } });
      const answer = fetch(url, { method });
      const { callFrames } = await inspector.event<{ callFrames: { location: Place }[] }>("Debugger.paused");
      expect(callFrames[0] && originalPlace(map, mapFile, callFrames[0].location)).toEqual({ file, line });
      await inspector.send("Debugger.resume");
      expect((await answer).status).toBeLessThan(500);
    } finally {
      inspector.close();
    }
  });
});

interface Place {
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** Where a place of the bundle comes from, by its source map: a file of this repository, and a line from 0. */
function originalPlace(map: SourceMap, mapFile: string, { lineNumber, columnNumber }: Place): object | undefined {
  const entry = map.findEntry(lineNumber, columnNumber);
  if (!("originalSource" in entry) || !entry.originalSource) return undefined;
  // A URL, relative to the map: https://tc39.es/ecma426/#sec-source-map-format
  const source = resolve(dirname(mapFile), decodeURIComponent(entry.originalSource));
  const file = relative(root, source).replaceAll("\\", "/");
  return { file, line: entry.originalLine };
}

/** Where the first statement of a source's line is in the bundle. */
function generatedPlace(map: SourceMap, mapFile: string, bundle: string, source: object): Place {
  for (const [lineNumber, text] of bundle.split("\n").entries()) {
    for (let columnNumber = 0; columnNumber < text.length; columnNumber++) {
      const place = { lineNumber, columnNumber };
      if (isDeepStrictEqual(originalPlace(map, mapFile, place), source)) return place;
    }
  }
  return expect.fail(`the source map has nothing for ${JSON.stringify(source)}`);
}

describe(".vscode", () => {
  const read = async <T>(file: string): Promise<T> =>
    JSON.parse(await readFile(join(root, ".vscode", file), "utf8")) as T;
  interface Launch {
    readonly configurations: { name: string; request: string; port: number; outFiles: string[]; sourceMaps: boolean }[];
    readonly compounds: { configurations: string[]; preLaunchTask: string }[];
  }
  interface Tasks {
    readonly tasks: { label: string; command: string; args: string[]; dependsOn?: string; problemMatcher: unknown }[];
  }

  test("attaches to both apps, by the ports that --inspect gives them and the bundles that the build stages", async () => {
    const { configurations, compounds } = await read<Launch>("launch.json");
    const ports = inspectPorts(defaultInspectPort);
    expect(
      configurations.map(({ request, port, outFiles, sourceMaps }) => ({ request, port, outFiles, sourceMaps })),
    ).toEqual(
      apps.map((app) => {
        const outFiles = [`\${workspaceFolder}/dist/${app}/main.js`];
        return { request: "attach", port: ports[app], outFiles, sourceMaps: true };
      }),
    );
    expect(compounds[0]?.configurations).toEqual(configurations.map(({ name }) => name));
  });

  test("names tasks and npm scripts that exist, and waits for lines that npm start prints", async () => {
    const { compounds } = await read<Launch>("launch.json");
    const { tasks } = await read<Tasks>("tasks.json");
    const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { scripts: object };
    const labels = tasks.map(({ label }) => label);
    for (const name of [
      ...compounds.map((one) => one.preLaunchTask),
      ...tasks.flatMap((task) => task.dependsOn ?? []),
    ]) {
      expect(labels).toContain(name);
    }
    for (const { command, args } of tasks) {
      expect(command).toBe("npm");
      expect(Object.keys(scripts)).toContain(args[0] === "run" ? args[1] : args[0]);
    }
    const printed = await Promise.all(
      ["commands/start.ts", "demo/what-to-try.ts"].map((file) => readFile(join(root, "local", file), "utf8")),
    );
    for (const line of ["Starting ...", "apps are running", "Everything but the apps is running"]) {
      expect(printed.join("\n")).toContain(line);
      expect(JSON.stringify(tasks).replaceAll("\\", "")).toContain(line.replaceAll("\\", ""));
    }
    expect((await read<{ recommendations: string[] }>("extensions.json")).recommendations.length).toBeGreaterThan(0);
  });
});
