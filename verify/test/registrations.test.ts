/** How functions must be registered. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { accessPolicy } from "../../tools/access-policy.ts";
import { functionsFound } from "../deployed/checks/code.ts";
import { builtService } from "../model/built-service.ts";
import { type Registration, registrationFaults, requireNoFaults, withoutGuard } from "../model/registrations.ts";

const http = (name: string, authLevel: string | undefined, route: string, method = "GET"): Registration => ({
  name,
  bindings: [
    { type: "httpTrigger", direction: "in", authLevel, methods: [method], route },
    { type: "http", direction: "out" },
  ],
});
const timer: Registration = { name: "tidyUp", bindings: [{ type: "timerTrigger", schedule: "0 0 * * * *" }] };
const health = http("health", "anonymous", "health");
const getStock = http("getStock", "anonymous", "inventory/{sku}");

describe("the functions that this checkout registers", () => {
  it.each(Object.keys(accessPolicy.services))("are registered as they must be: %s", async (service) => {
    const build = await builtService(service);
    const functions = build.functions.map(({ name, bindings }) => ({ name, bindings: Object.values(bindings) }));
    expect(functions.length).toBeGreaterThan(3);
    expect(registrationFaults(service, functions)).toEqual([]);
  });
});

describe("a finding is", () => {
  it.each<[string, string, Registration, string]>([
    [
      "a key beside the guard",
      "callee-func",
      http("getStock", "function", "inventory/{sku}"),
      "getStock asks for a key (function) before any token",
    ],
    [
      "the host's default, a key, beside the guard",
      "callee-func",
      http("getStock", undefined, "inventory/{sku}"),
      "getStock asks for a key (function) before any token",
    ],
    ["a key before what is public", "callee-func", http("health", "admin", "health"), "health asks for a key (admin)"],
    [
      "a function without a key in a service without roles",
      "caller-func",
      http("placeOrder", "anonymous", "orders", "POST"),
      "placeOrder is open to anybody",
    ],
    ["health in a service that does not declare it", "caller-func", health, "health is open to anybody"],
  ])("%s", (_, service, registered, fault) => {
    const faults = registrationFaults(service, [registered, timer]);
    expect(faults).toEqual([expect.stringContaining(fault)]);
    expect(() => {
      requireNoFaults({ [service]: faults });
    }).toThrow(`  - ${service}: ${fault}`);
    // Deployed, too: also where the site has exactly what this commit builds.
    expect(functionsFound(service, [registered], [registered])).toContain(fault);
  });

  it("nothing else", () => {
    expect(registrationFaults("callee-func", [health, getStock, timer])).toEqual([]);
    // Letters do not count.
    expect(registrationFaults("callee-func", [http("getStock", "Anonymous", "inventory/{sku}")])).toEqual([]);
    expect(registrationFaults("caller-func", [http("placeOrder", "function", "orders", "POST"), timer])).toEqual([]);
    expect(functionsFound("callee-func", [health, getStock], [health, getStock])).toBe(
      "those of a build of this commit",
    );
    expect(() => {
      requireNoFaults({ "callee-func": [] });
    }).not.toThrow();
  });
});

it("what is open in a service without roles is no finding where it is listed as public, and only there", () => {
  const listed = { id: "health", service: "caller-func", method: "GET", route: "/api/health", role: null };
  expect(registrationFaults("caller-func", [health], [listed])).toEqual([]);
  expect(registrationFaults("caller-func", [health], [{ ...listed, role: "Inventory.Read" }])).toHaveLength(1);
});

describe("a function without the guard", () => {
  let server: Server;
  let origin: string;
  let asked: string[];
  beforeEach(async () => {
    asked = [];
    // Guarded, but for one route.
    server = createServer(({ method = "", url = "" }, response) => {
      asked.push(`${method} ${url}`);
      const isOpen = url === "/api/returns/0" || method === "DELETE";
      response.writeHead(isOpen ? 400 : 401).end(`{"code":"${isOpen ? "invalid-body" : "no-credentials"}"}`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => server.close());

  it("is found by what it answers without a token", async () => {
    const [open, guarded] = [http("a", "anonymous", "returns/{id}", "PUT"), http("b", "anonymous", "bills/{id}")];
    expect(await withoutGuard("callee-func", [open, guarded, getStock, health, timer], origin)).toEqual([
      "a answers 400 to PUT without a token",
    ]);
    // What is listed is the matrix's business.
    expect(asked.sort()).toEqual(["GET /api/bills/0", "PUT /api/returns/0"]);
  });

  it("is found by each of its methods, also on a route that is listed for another method", async () => {
    const both = {
      ...getStock,
      name: "both",
      bindings: getStock.bindings.map((one) => ({ ...one, methods: ["GET", "DELETE"] })),
    };
    expect(await withoutGuard("callee-func", [both], origin)).toEqual(["both answers 400 to DELETE without a token"]);
    expect(asked).toEqual(["DELETE /api/inventory/0"]);
  });

  it("is not looked for in a service that no app calls", async () => {
    expect(await withoutGuard("caller-func", [getStock], origin)).toEqual([]);
    expect(asked).toEqual([]);
  });
});
