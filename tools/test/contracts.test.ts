/** Contracts, and each mistake in them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContractOperation } from "@restricted-calls/shared/contract";
import { ESLint } from "eslint";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { accessPolicy } from "../access-policy.ts";
import { readContracts, requiredBefore } from "../contract-mistakes.ts";
import { contracts, typicalOperation } from "../contracts.ts";

const services = { "web-func": { roles: {} }, "bill-func": { roles: { "Bill.Read": {}, "Bill.Send": {} } } };

/** Contracts without a mistake. */
const good = {
  "web-func": `export default {
    operations: [
      { id: "up", method: "GET", route: "/api/up", access: "public", sample: () => ({ path: "/api/up", status: 200 }) },
      { id: "work", method: "POST", route: "/api/work", access: "function-key",
        sample: (unique) => ({ path: "/api/work", body: { unique }, status: 201 }) },
      { id: "state", method: "GET", route: "/api/work/{id}", access: "function-key" },
    ],
    commands: () => [],
    show: async () => {},
    positiveCall: { operation: "work", outcome: { operation: "state", path: () => "/api/work/1", read: () => null } },
    chaos: { sends: { messages: () => [], afterwards: () => null, outcomes: () => [] } },
    bench: { "one-key": () => import("./nowhere.ts") },
  };`,
  "bill-func": `export default {
    operations: [
      { id: "read", method: "GET", route: "/api/bills/{id}", access: "token", role: "Bill.Read",
        sample: () => ({ path: "/api/bills/1?all=yes", status: 200 }) },
      { id: "send", method: "PUT", route: "/api/bills/{id}/sent", access: "token", role: "Bill.Send", after: ["read"],
        sample: () => ({ path: "/api/bills/1/sent", body: {}, status: 201 }) },
    ],
  };`,
};
type Service = keyof typeof good;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "contracts-"));
  for (const service of Object.keys(good) as Service[]) write(service, good[service]);
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function write(service: Service, text: string): void {
  mkdirSync(join(root, service), { recursive: true });
  writeFileSync(join(root, service, "contract.ts"), text);
}

/** The mistakes after a change of a contract's text. */
async function mistakesAfter(service: Service, from: string, to: string): Promise<readonly string[]> {
  expect(good[service]).toContain(from);
  write(service, good[service].replace(from, to));
  return (await readContracts(root, services)).mistakes;
}

test("contracts without a mistake have none", async () => {
  const read = await readContracts(root, services);
  expect(read.mistakes).toEqual([]);
  expect(Object.keys(read.contracts)).toEqual(Object.keys(services));
});

describe("a mistake is one line that names the file and the member:", () => {
  test("no contract", async () => {
    rmSync(join(root, "bill-func", "contract.ts"));
    expect((await readContracts(root, services)).mistakes).toEqual([
      expect.stringMatching(
        /^bill-func\/contract\.ts: is missing: it lists the operations .* see shared\/contract\.ts$/,
      ),
    ]);
  });

  test.each<[what: string, service: Service, from: string, to: string, line: string]>([
    ["no default export", "web-func", "export default", "export const contract =", "has no default export: export def"],
    [
      "a file that does not load",
      "web-func",
      "export default",
      "throw new Error('x'); export default",
      "cannot be loaded: x",
    ],
    ["no list of operations", "bill-func", "operations", "functions", "operations: "],
    ["an unknown member", "web-func", "commands:", "comands:", "comands: "],
    ["a member that is no function", "web-func", "show: async () => {}", "show: 1", "show: expected a function"],
    ["an id in another form", "bill-func", '"read",', '"Read",', "operations.0.id: expected lower case"],
    ["an id of the proof's own", "bill-func", '"read",', '"host-read",', "operations.0.id: the proof itself has ids"],
    ["a method in another form", "bill-func", '"GET"', '"get"', "operations.0.method: expected capital letters"],
    [
      "a route in another form",
      "bill-func",
      '"/api/bills/{id}",',
      '"bills",',
      "operations.0.route: expected a route that",
    ],
    [
      "an unknown access",
      "bill-func",
      'access: "token"',
      'access: "all"',
      "operations.0.access: expected an operation whose",
    ],
    ["a token without a role", "bill-func", 'role: "Bill.Read",', "", "operations.0.role: "],
    [
      "an id of another service",
      "bill-func",
      '"send"',
      '"up"',
      "up: web-func/contract.ts has an operation of this id already",
    ],
    [
      "an id twice",
      "web-func",
      'id: "up"',
      'id: "state"',
      "state: web-func/contract.ts has an operation of this id already",
    ],
    [
      "a call twice",
      "bill-func",
      'PUT", route: "/api/bills/{id}/sent"',
      'GET", route: "/api/bills/{x}"',
      "send: GET /api/bills/{x} is the call of read",
    ],
    [
      "a role that the policy does not have",
      "bill-func",
      '"Bill.Send"',
      '"Bill.Sned"',
      'send: "Bill.Sned" is not a role of this service',
    ],
    [
      "a role in a service without roles",
      "web-func",
      'access: "public"',
      'access: "token", role: "Bill.Read"',
      'up: "Bill.Read" is not a role of this service',
    ],
    [
      "a key in a service with roles",
      "bill-func",
      'access: "token", role: "Bill.Send"',
      'access: "function-key"',
      "send: a service with roles has no function keys",
    ],
    [
      "no sample of a public operation",
      "web-func",
      'sample: () => ({ path: "/api/up", status: 200 })',
      "",
      "up: has no sample",
    ],
    [
      "a sample that throws",
      "bill-func",
      '() => ({ path: "/api/bills/1/sent"',
      '() => missing({ path: ""',
      "send: sample: missing is not defined",
    ],
    ["a sample that is no success", "bill-func", "status: 201", "status: 404", "send: sample: status: "],
    [
      "a sample of another route",
      "bill-func",
      '"/api/bills/1/sent"',
      '"/api/bills/sent"',
      "send: sample: /api/bills/sent is not a path of /api/bills/{id}/sent",
    ],
    [
      "an unknown operation before",
      "bill-func",
      'after: ["read"]',
      'after: ["reed"]',
      'send: after: "reed" is not an operation of this service with a sample',
    ],
    [
      "an operation before itself",
      "bill-func",
      'after: ["read"]',
      'after: ["send"]',
      "send: after: leads back to itself",
    ],
    [
      "a positive call of nothing",
      "web-func",
      'operation: "work"',
      'operation: "odrer"',
      'positiveCall: "odrer" is not an operation without a role',
    ],
    [
      "a positive call without a sample",
      "web-func",
      'operation: "work"',
      'operation: "state"',
      'positiveCall: "state" is not',
    ],
    [
      "an outcome of nothing",
      "web-func",
      'operation: "state"',
      'operation: "sate"',
      'positiveCall.outcome: "sate" is not',
    ],
    ["messages that nobody reads", "web-func", "outcomes: ", "outcome: ", "chaos.sends.outcomes: "],
    ["an unknown part of chaos", "web-func", "chaos: { sends", "chaos: { send", "chaos.send: "],
    [
      "a benchmark that is not imported on demand",
      "web-func",
      '() => import("./nowhere.ts")',
      '"./nowhere.ts"',
      "bench.one-key: expected a function",
    ],
    ["a benchmark in another form", "web-func", '"one-key"', '"One key"', "bench.One key: expected lower case"],
    [
      "a benchmark of the system's",
      "web-func",
      '"one-key"',
      '"cold-start"',
      "bench.cold-start: the system has a benchmark of this name already",
    ],
  ])("%s", async (_, service, from, to, line) => {
    const [mistake] = await mistakesAfter(service, from, to);
    expect(mistake).toContain(`${service}/contract.ts: ${line}`);
    expect(mistake).not.toContain("\n");
  });

  test("no call for the attacks", async () => {
    expect(await mistakesAfter("bill-func", 'role: "Bill.Read",', 'role: "Bill.Read", after: ["send"],')).toEqual(
      expect.arrayContaining([
        expect.stringMatching(
          /^bill-func\/contract\.ts: operations: none with a role has a sample that needs no other/,
        ),
      ]),
    );
  });

  test("several mistakes at once", async () => {
    write("web-func", "export default { operations: 1 };");
    write("bill-func", "export default {};");
    expect((await readContracts(root, services)).mistakes).toHaveLength(2);
  });
});

test("what is needed first is called first, and once", () => {
  const operation = (id: string, ...after: string[]): ContractOperation => ({
    ...{ id, method: "GET", route: `/${id}`, access: "public", after },
  });
  const all = [operation("c", "b", "a"), operation("b", "a"), operation("a"), operation("d", "b")];
  expect(requiredBefore(all, all).map(({ id }) => id)).toEqual(["a", "b"]);
  expect(requiredBefore(all.slice(2, 3), all)).toEqual([]);
});

test.each(Object.entries(accessPolicy.services))(
  "%s has a contract, and a call for its first caller",
  (service, of) => {
    expect(contracts[service]?.operations.length).toBeGreaterThan(0);
    if (Object.keys(of.roles).length === 0) {
      expect(() => typicalOperation(service)).toThrow(`${service} has no operation with a role`);
      return;
    }
    const { role } = typicalOperation(service);
    const [granted = [role]] = Object.values<readonly string[]>(of.callers);
    expect(granted).toContain(role);
  },
);

describe("an app and its contract are apart:", () => {
  const eslint = new ESLint({
    cwd: join(import.meta.dirname, "..", ".."),
    ruleFilter: ({ ruleId }) => ["no-restricted-syntax", "no-restricted-imports"].includes(ruleId),
  });
  const messagesOf = async (text: string, file: string): Promise<string[]> =>
    (await eslint.lintText(text, { filePath: file })).flatMap(({ messages }) => messages.map(({ message }) => message));

  test.each([
    'import contract from "../../contract.ts";',
    'import type { SampleCall } from "@restricted-calls/shared/contract";',
    'export { default } from "../../contract.ts";',
    'export * from "../../contract.ts";',
    'const contract = await import("../../contract.ts");',
    'import { chaos } from "../../chaos.ts";',
    'import { bench } from "../../bench/things.ts";',
  ])("an app does not contain %s", async (text) => {
    expect(await messagesOf(text, "callee-func/src/functions/health.ts")).toEqual([
      expect.stringContaining("An app does not import its contract"),
    ]);
  });

  test.each(["./src/settings.ts", "@restricted-calls/shared/functions", "../caller-func/contract.ts", "node:fs"])(
    "a contract does not import %s",
    async (path) => {
      expect(await messagesOf(`import * as x from "${path}";`, "callee-func/contract.ts")).toEqual([
        expect.stringContaining("A contract imports @restricted-calls/shared/contract only"),
      ]);
    },
  );

  test("a contract imports its type, and what the service supplies for chaos", async () => {
    const text =
      'import type { ContractOf } from "@restricted-calls/shared/contract"; import { chaos } from "./chaos.ts";';
    expect(await messagesOf(text, "callee-func/contract.ts")).toEqual([]);
    expect(await messagesOf('import "./src/settings.ts";', "callee-func/chaos.ts")).toHaveLength(1);
  });
});
