import { join } from "node:path";
import { app, HttpRequest, InvocationContext, type HttpFunctionOptions } from "@azure/functions";
import { ESLint } from "eslint";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createApi, keyHttp, publicHttp } from "../functions/register.ts";
import { ProblemError } from "../problem.ts";

const root = join(import.meta.dirname, "..", "..");

/** What was registered with the library, which hands it to the host. */
let registered: Record<string, HttpFunctionOptions>;
beforeEach(() => {
  registered = {};
  vi.spyOn(app, "http").mockImplementation((name, options) => {
    registered[name] = options;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const options = { methods: ["GET"], route: "x", handler: () => Promise.resolve({ status: 200 }) } as const;

async function answerOf(name: string): Promise<unknown> {
  const request = new HttpRequest({ method: "GET", url: "http://localhost/api/x" });
  const context = new InvocationContext({ functionName: name, logHandler: () => undefined });
  return registered[name]?.handler(request, context);
}

test("api.http sets the host's level and the guard together, with the requirement and the handler", async () => {
  const guard = vi.fn(() => () => Promise.resolve({ status: 401 }));
  createApi(guard).http("getRecord", "Records.Read", options);
  expect(registered["getRecord"]).toMatchObject({ methods: ["GET"], authLevel: "anonymous", route: "x" });
  expect(guard).toHaveBeenCalledWith("Records.Read", options.handler);
  expect(await answerOf("getRecord")).toEqual({ status: 401 });
});

test("keyHttp asks for a key, publicHttp for nothing, and both answer what is thrown as a problem", async () => {
  keyHttp("submitWork", options);
  publicHttp("health", "It tells nothing.", options);
  expect(registered).toMatchObject({ submitWork: { authLevel: "function" }, health: { authLevel: "anonymous" } });
  expect(await answerOf("submitWork")).toEqual({ status: 200 });
  expect(await answerOf("health")).toEqual({ status: 200 });

  const failing = () => Promise.reject(new ProblemError({ status: 409, code: "no", detail: "No." }));
  keyHttp("submitWork", { ...options, handler: failing });
  publicHttp("health", "It tells nothing.", { ...options, handler: failing });
  expect(await answerOf("submitWork")).toMatchObject({ status: 409 });
  expect(await answerOf("health")).toMatchObject({ status: 409 });
});

describe("nothing is registered", () => {
  const { http } = createApi(() => () => Promise.resolve({}));
  const waysIn: [string, (name: string, options: never) => void][] = [
    [
      "api.http",
      (name, given) => {
        http(name, "Records.Read", given);
      },
    ],
    ["keyHttp", keyHttp],
    [
      "publicHttp",
      (name, given) => {
        publicHttp(name, "It tells nothing.", given);
      },
    ],
  ];
  test.each<[string, object, RegExp]>([
    [
      "with a level of its own",
      { authLevel: "function" },
      /authLevel is no option: expected name, methods, route, handler/,
    ],
    ["without methods, which would be GET and POST", { methods: undefined }, /methods is missing/],
    ["with no method", { methods: [] }, /methods is an empty list/],
    ["with a method in small letters", { methods: ["get"] }, /methods\.0 is a string of 3 characters/],
    ["with methods as a string", { methods: "GET" }, /methods is a string/],
    ["without a route, which would be the name", { route: undefined }, /route is missing/],
    ["with an empty route", { route: "" }, /route is an empty string/],
    ["without a handler", { handler: undefined }, /handler is missing: expected a function/],
  ])("%s", (_, changes, message) => {
    for (const [way, register] of waysIn) {
      expect(() => {
        register("x", { ...options, ...changes } as never);
      }, way).toThrow(message);
    }
    expect(registered).toEqual({});
  });

  test("without a name, a guard, or a reason to be public", () => {
    for (const [way, register] of waysIn) {
      expect(() => {
        register("", options as never);
      }, way).toThrow(/name is an empty string/);
    }
    expect(() => createApi(undefined as never)).toThrow(/guard is missing/);
    expect(() => {
      publicHttp("health", " ", options);
    }).toThrow(/why is an empty string: expected the reason/);
    expect(registered).toEqual({});
  });
});

describe("the linter", { timeout: 60_000 }, () => {
  const eslint = new ESLint({ cwd: root, ruleFilter: ({ ruleId }) => ruleId === "no-restricted-syntax" });
  const messagesOf = async (text: string, filePath: string): Promise<string[]> =>
    (await eslint.lintText(text, { filePath: join(root, filePath) })).flatMap(({ messages }) =>
      messages.map(({ message }) => message),
    );
  const IMPORT = 'import { app } from "@azure/functions";\n';

  test.each([
    ...["http", "get", "put", "post", "patch", "deleteRequest", "generic"].map((method): [string, string] => [
      `app.${method}`,
      `${IMPORT}app.${method}("x", {});`,
    ]),
    ["app by a computed name", `${IMPORT}app["http"]("x", {});`],
    ["app taken apart", `${IMPORT}const { http } = app;`],
    ["app by another name", `import { app as functions } from "@azure/functions";\nfunctions.http("x", {});`],
    ["the whole library", `import * as functions from "@azure/functions";\nfunctions.app.http("x", {});`],
    ["the library by default", `import functions from "@azure/functions";\nfunctions.app.http("x", {});`],
    ["the library on demand", `const { app: functions } = await import("@azure/functions");`],
    ["the library handed on", `export { app as functions } from "@azure/functions";`],
    ["all of the library handed on", `export * from "@azure/functions";`],
  ])("refuses %s in a service and in what services share", async (_, text) => {
    for (const file of ["callee-func/src/functions/health.ts", "shared/functions/handler.ts"]) {
      expect(await messagesOf(text, file)).toContain(
        "Register an HTTP function by api.http, keyHttp or publicHttp (shared/functions/register.ts).",
      );
    }
  });

  test("takes timers and hooks", async () => {
    const text = `${IMPORT}app.timer("x", { schedule: "0 * * * * *", handler: () => {} });\napp.hook.appTerminate(() => {});`;
    expect(await messagesOf(text, "callee-func/src/functions/health.ts")).toEqual([]);
  });
});
