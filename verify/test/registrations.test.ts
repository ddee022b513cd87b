/** How functions must be registered. The verification checks those of this checkout before its first call. */
import "../../tools/testing/example-system.ts";
import { describe, expect, it } from "vitest";
import { functionsFound } from "../deployed/checks/code.ts";
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
const getRecord = http("getRecord", "anonymous", "records/{id}");

describe("a finding is", () => {
  it.each<[string, string, Registration, string]>([
    [
      "a key beside the guard",
      "callee-func",
      http("getRecord", "function", "records/{id}"),
      "getRecord asks for a key (function) before any token",
    ],
    [
      "the host's default, a key, beside the guard",
      "callee-func",
      http("getRecord", undefined, "records/{id}"),
      "getRecord asks for a key (function) before any token",
    ],
    ["a key before what is public", "callee-func", http("health", "admin", "health"), "health asks for a key (admin)"],
    [
      "a function without a key in a service without roles",
      "caller-func",
      http("submitWork", "anonymous", "work", "POST"),
      "submitWork is open to anybody",
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
      http("drop", "anonymous", "records/{x}", "DELETE"),
      "drop (DELETE /api/records/{x}) is not in callee-func/contract.ts",
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
    expect(registrationFaults("callee-func", [health, getRecord, timer])).toEqual([]);
    // Letters and the names of parameters do not count.
    expect(registrationFaults("callee-func", [http("getRecord", "Anonymous", "Records/{item}")])).toEqual([]);
    expect(registrationFaults("caller-func", [http("submitWork", "function", "work", "POST"), timer])).toEqual([]);
    expect(functionsFound("callee-func", [health, getRecord], [health, getRecord])).toBe(
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
