/** The files of a new service's folder, before Prettier has formatted them. */
import { settingPrefix } from "@restricted-calls/shared/access-policy";
import { camelCase, type GrantedCall, type NewService, type OfferedRole } from "./service.ts";

/**
 * @param versions of packages, by name
 * @returns the texts by path
 */
export function sourcesOf(
  service: NewService,
  versions: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  const { calls, offers, callsId, healthId } = service;
  const files: readonly (readonly [path: string, text: string])[] = [
    ["package.json", packageJson(service, versions)],
    ["contract.ts", contract(service)],
    ["src/main.ts", main(service)],
    ["src/settings.ts", settings(service)],
    ["src/composition.ts", composition(service)],
    ...(calls.length > 0 ? [["src/calls.ts", callsModule(calls)] as const] : []),
    ...(isApi(service)
      ? [
          [`src/functions/${healthId}.ts`, health(healthId)] as const,
          ...offers.map((offer) => [`src/functions/${offer.operation}.ts`, guarded(service, offer)] as const),
        ]
      : [[`src/functions/${callsId}.ts`, keyed(callsId)] as const]),
    ["test/api.test.ts", test(service)],
  ];
  // What is left out leaves a blank line between two imports.
  return new Map(files.map(([path, text]) => [path, text.replace(/\n{2,}(?=import )/g, "\n")]));
}

function isApi({ offers }: NewService): boolean {
  return offers.length > 0;
}

function packageJson({ name }: NewService, versions: Readonly<Record<string, string>>): string {
  const used = ["@azure/functions", "@restricted-calls/shared", "valibot"];
  return JSON.stringify({
    name: `@restricted-calls/${name}`,
    version: "0.1.0",
    private: true,
    type: "module",
    dependencies: Object.fromEntries(used.map((one) => [one, versions[one]])),
  });
}

function main(service: NewService): string {
  const { offers, callsId, healthId } = service;
  const ids = isApi(service) ? [healthId, ...offers.map(({ operation }) => operation)] : [callsId];
  return `// The entry point: registers every function.
${ids
  .sort()
  .map((id) => `import "./functions/${id}.ts";`)
  .join("\n")}
`;
}

function settings(service: NewService): string {
  const { name, calls } = service;
  const prefixes = servicesOf(calls).map(settingPrefix);
  return `// This service's settings.
${isApi(service) ? `import { guardSettings } from "@restricted-calls/shared/functions";` : ""}
${prefixes.length > 0 ? `import { serviceSettings } from "@restricted-calls/shared/service-client";` : ""}
import { readSettings } from "@restricted-calls/shared/settings";

/** This service's settings, read and checked once, when the app starts. */
export const settings = readSettings(
  "${name}",
  {
${isApi(service) ? "...guardSettings," : ""}
${prefixes.map((prefix) => `...serviceSettings("${prefix}"),`).join("\n")}
  },
  process.env,
);
`;
}

function composition(service: NewService): string {
  const { name, calls } = service;
  const called = servicesOf(calls);
  const hasCalls = called.length > 0;
  return `// What this app is made of.
${hasCalls ? `import { app } from "@azure/functions";` : ""}
${isApi(service) ? `import type { AppRole } from "@restricted-calls/shared/access-policy";` : ""}
import { ${[...(hasCalls ? ["loadSoon"] : []), ...(isApi(service) ? ["protectedApp"] : [])].join(", ")} } from "@restricted-calls/shared/functions";
${hasCalls ? `import { protectedService } from "@restricted-calls/shared/service-client";` : ""}
import "./settings.ts"; // One error names all settings that are wrong.
${
  isApi(service)
    ? `
/** This service's functions: \`api.http(name, role, ...)\`. A role the access policy does not name does not compile. */
export const api = protectedApp<AppRole<"${name}">>();
`
    : ""
}
${
  hasCalls
    ? `
/** The services that this one may call, reached as the identity that \`CALLER_CREDENTIAL\` chooses. */
export const clients = {
${called.map((other) => `"${other}": protectedService("${settingPrefix(other)}"),`).join("\n")}
};

// Loaded after the start.
app.hook.preInvocation(
  loadSoon(
    () => import("@restricted-calls/shared/on-demand/managed-identity"),
    () => import("@restricted-calls/shared/on-demand/http"),
  ),
);
`
    : ""
}`;
}

function callsModule(calls: readonly GrantedCall[]): string {
  return `// The calls that this service makes. Replace them with your own.
import { ProblemError } from "@restricted-calls/shared/problem";
import type { ServiceOutcome } from "@restricted-calls/shared/service-client";
import { clients } from "./composition.ts";

/**
 * Makes a call with each role that the access policy grants this service.
 *
 * @returns the HTTP status of each response, by the id of the operation in the called service's contract
 * @throws ProblemError 502 if a layer refuses a call, or if there is no response
 */
export async function makeCalls(traceParent: string | undefined): Promise<Record<string, number>> {
  return {
${calls
  .map(({ service, operation, method, call: { path, body } }) => {
    const client = /^\w+$/.test(service) ? `clients.${service}` : `clients["${service}"]`;
    const sent = body === undefined ? "" : `body: ${JSON.stringify(body)}, `;
    return `"${operation}": statusOf(await ${client}({ method: "${method}", path: ${JSON.stringify(path)}, ${sent}traceParent })),`;
  })
  .join("\n")}
  };
}

function statusOf(outcome: ServiceOutcome): number {
  if (outcome.kind === "response" && outcome.refusedBy === undefined) return outcome.status;
  const code = outcome.kind === "response" ? \`refused-by-\${outcome.refusedBy ?? ""}\` : outcome.kind;
  const detail = "reason" in outcome ? outcome.reason : (outcome.advice ?? "");
  throw new ProblemError({ status: 502, code, detail });
}
`;
}

function health(id: string): string {
  return `// GET /api/health: for the platform's health check.
import { publicHttp } from "@restricted-calls/shared/functions";

publicHttp("${camelCase(id)}", "The platform's health check has no token. It is told that the app runs, and nothing else.", {
  methods: ["GET"],
  route: "health",
  handler: () => Promise.resolve({ status: 200 }),
});
`;
}

function guarded({ calls }: NewService, { operation, role }: OfferedRole): string {
  const handler =
    calls.length > 0
      ? `async (_request, caller, context) => ({
    jsonBody: { caller: caller.appId, calls: await makeCalls(context.traceContext?.traceParent) },
  })`
      : `(_request, caller) => Promise.resolve({ jsonBody: { caller: caller.appId } })`;
  return `// GET /api/${operation}: for callers with ${role}.
${calls.length > 0 ? `import { makeCalls } from "../calls.ts";` : ""}
import { api } from "../composition.ts";

api.http("${camelCase(operation)}", "${role}", { methods: ["GET"], route: "${operation}", handler: ${handler} });
`;
}

function keyed(id: string): string {
  return `// GET /api/${id}: makes the calls that this service is granted.
import { keyHttp } from "@restricted-calls/shared/functions";
import { makeCalls } from "../calls.ts";

keyHttp("${camelCase(id)}", {
  methods: ["GET"],
  route: "${id}",
  handler: async (_request, context) => ({ jsonBody: await makeCalls(context.traceContext?.traceParent) }),
});
`;
}

function contract(service: NewService): string {
  const { name, calls, offers, callsId, healthId } = service;
  const operation = (id: string, path: string, access: string): string =>
    `{ id: "${id}", method: "GET", route: "${path}", ${access}, sample: () => ({ path: "${path}", status: 200 }) },`;
  if (isApi(service)) {
    return `/** What tools must know about ${name}: its operations. */
import type { ContractOf } from "@restricted-calls/shared/contract";

export default {
  operations: [
    ${operation(healthId, "/api/health", `access: "public"`)}
    ${offers.map(({ operation: id, role }) => operation(id, `/api/${id}`, `access: "token", role: "${role}"`)).join("\n")}
  ],
} satisfies ContractOf<"${name}">;
`;
  }
  const title = `${name} calls ${servicesOf(calls).join(" and ")}`;
  return `/** What tools must know about ${name}: its operation, which calls others. */
import type { ContractOf } from "@restricted-calls/shared/contract";

const PATH = "/api/${callsId}";

export default {
  operations: [
    { id: "${callsId}", method: "GET", route: PATH, access: "function-key", sample: () => ({ path: PATH, status: 200 }) },
  ],

  commands: (origin) => [{ title: "${title}", command: \`curl -i \${origin}\${PATH}\` }],

  show: ({ origin, show }) =>
    show("${title}", "200", async () => String((await fetch(\`\${origin}\${PATH}\`)).status)),

  positiveCall: { operation: "${callsId}" },
} satisfies ContractOf<"${name}">;
`;
}

function test(service: NewService): string {
  const { name, calls, offers, callsId } = service;
  const statuses = calls.map(({ operation, call, succeeds }) => {
    return `"${operation}": ${succeeds ? String(call.status) : "expect.any(Number) as number"}`;
  });
  const made = `{ ${statuses.join(", ")} }`;
  const tests = isApi(service)
    ? `
test.each([
${offers.map(({ operation, role }) => `["/api/${operation}", "${role}"],`).join("\n")}
])("GET %s is for callers with %s only", async (path, role) => {
  const { entra, identities } = system.endpoints;
  const call = async (...roles: string[]): Promise<Response> => {
    const token = await mintToken(entra.control, { as: "reader-only", api: "${name}", claims: { roles } });
    return fetch(\`\${origin}\${path}\`, { headers: { Authorization: \`Bearer \${token}\` } });
  };
  expect((await fetch(\`\${origin}\${path}\`)).status).toBe(401);
  expect((await call("Another.Role")).status).toBe(403);
  const response = await call(role);
  expect({ status: response.status, body: await response.json() }).toEqual({
    status: 200,
    body: { caller: identities["reader-only"]?.clientId${calls.length > 0 ? `, calls: ${made}` : ""} },
  });
});

test("the health check needs no token", async () => {
  expect((await fetch(\`\${origin}/api/health\`)).status).toBe(200);
});
`
    : `
test("makes the calls that it is granted", async () => {
  const response = await fetch(\`\${origin}/api/${callsId}\`);
  expect({ status: response.status, body: await response.json() }).toEqual({ status: 200, body: ${made} });
});
`;
  return `import { afterAll, beforeAll, expect, test } from "vitest";
import { ${isApi(service) ? "mintToken, " : ""}startTestSystem, type TestSystem } from "../../local/index.ts";

let system: TestSystem;
let origin: string;

beforeAll(async () => {
  system = await startTestSystem();
  origin = system.endpoints.apps["${name}"] ?? "";
});
afterAll(() => system.stop());
${tests}`;
}

/** The services that are called, each once. */
function servicesOf(calls: readonly GrantedCall[]): string[] {
  return [...new Set(calls.map(({ service }) => service))];
}
