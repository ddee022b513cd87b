/** How functions must be registered. */
import { describe, expect, it } from "vitest";
import { accessPolicy } from "../../tools/access-policy.ts";
import { functionsFound } from "../deployed/checks/code.ts";
import { builtService } from "../model/built-service.ts";
import { type Registration, registrationFaults, requireNoFaults } from "../model/registrations.ts";

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
    expect(functions.length).toBeGreaterThan(0);
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
    [
      "a route that no contract lists, in a service with roles",
      "callee-func",
      http("backdoor", "anonymous", "backdoor"),
      "backdoor (GET /api/backdoor) is not in callee-func/contract.ts",
    ],
    [
      "a route that no contract lists, in a service without roles",
      "caller-func",
      health,
      "health (GET /api/health) is not in caller-func/contract.ts",
    ],
    [
      "a method that no contract lists",
      "callee-func",
      http("drop", "anonymous", "inventory/{x}", "DELETE"),
      "drop (DELETE /api/inventory/{x}) is not in callee-func/contract.ts",
    ],
    [
      "every method",
      "callee-func",
      { name: "health", bindings: [{ type: "httpTrigger", authLevel: "anonymous", route: "health" }] },
      "health (any method /api/health) is not in callee-func/contract.ts",
    ],
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
    // Letters and the names of parameters do not count.
    expect(registrationFaults("callee-func", [http("getStock", "Anonymous", "Inventory/{item}")])).toEqual([]);
    expect(registrationFaults("caller-func", [http("placeOrder", "function", "orders", "POST"), timer])).toEqual([]);
    expect(functionsFound("callee-func", [health, getStock], [health, getStock])).toBe(
      "those of a build of this commit",
    );
    expect(() => {
      requireNoFaults({ "callee-func": [] });
    }).not.toThrow();
  });
});

describe("in a service without roles", () => {
  const listed = { id: "health", method: "GET", route: "/api/health" } as const;

  it("what is open must be listed as public", () => {
    expect(registrationFaults("caller-func", [health], [{ ...listed, access: "public" }])).toEqual([]);
    expect(registrationFaults("caller-func", [health], [{ ...listed, access: "function-key" }])).toHaveLength(1);
  });

  it("what is listed as public must be open", () => {
    const keyed = http("health", "function", "health");
    expect(registrationFaults("caller-func", [keyed], [{ ...listed, access: "public" }])).toEqual([
      "health asks for a key (function), but its contract says that it is public",
    ]);
    expect(registrationFaults("caller-func", [keyed], [{ ...listed, access: "function-key" }])).toEqual([]);
  });
});
