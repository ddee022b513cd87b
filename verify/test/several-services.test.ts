/** The matrix of a policy with two services that others call, with contracts of their own. */
import { attacks } from "@restricted-calls/shared/testing/attacks";
import { describe, expect, it, vi } from "vitest";
import { matrixOf } from "../local/matrix.ts";
import { callerKindsOf, callersOf } from "../model/callers.ts";
import { everyOperation, preparationsOf } from "../model/operations.ts";
import { allOriginsOf, originsOf } from "../model/origins.ts";
import type { Policy } from "@restricted-calls/shared/access-policy";
import { CALLER_KINDS, TEST_IDENTITIES } from "../../tools/service-names.ts";

const { policy, contracts } = vi.hoisted(() => {
  const role = (id: number) => ({ id: `00000000-0000-4000-8000-00000000000${id}`, description: "A role" });
  const call = (id: string, role: string, after: string[] = []) => ({
    ...{ id, method: "PUT", route: `/${id}/{id}`, access: "token", role, after },
    sample: (unique: string) => ({ path: `/${id}/${unique}`, status: 201 }),
  });
  return {
    policy: {
      services: {
        "web-func": { subnet: 0, roles: {}, callers: {} },
        "bill-func": {
          subnet: 1,
          roles: { "Bill.Read": role(1), "Bill.Send": role(2) },
          callers: { "web-func": ["Bill.Send"] },
        },
        "ship-func": {
          subnet: 2,
          roles: { "Ship.Send": role(3) },
          callers: { "bill-func": ["Ship.Send"] },
        },
      },
    },
    contracts: {
      "web-func": { operations: [{ id: "home", method: "GET", route: "/api/home", access: "function-key" }] },
      "bill-func": {
        operations: [call("read", "Bill.Read"), call("send", "Bill.Send"), call("pay", "Bill.Send", ["send"])],
      },
      "ship-func": { operations: [call("ship", "Ship.Send")] },
    },
  };
});
vi.mock("../../tools/access-policy.ts", () => ({ accessPolicy: policy }));
vi.mock("../../tools/contract-mistakes.ts", async (original) => {
  const mistakes: typeof import("../../tools/contract-mistakes.ts") = await original();
  return { ...mistakes, readContracts: () => Promise.resolve({ contracts, mistakes: [] }) };
});

const own: Policy = policy;
const services = ["bill-func", "ship-func"];

it("names kinds of callers that no caller of a policy can have", () => {
  const kinds = services.flatMap((service) => callersOf(own, service).map(({ id }) => id));
  const names: readonly string[] = [...TEST_IDENTITIES, ...CALLER_KINDS, ...Object.keys(policy.services)];
  expect(kinds.filter((kind) => !names.includes(kind))).toEqual([]);
});

describe("the matrix of two called services", () => {
  const cells = matrixOf(own);
  const expected = (id: string): unknown => cells.find((cell) => cell.id === id)?.expected;
  const refusedByNetwork = { refusedBy: "network", status: 403, code: null };

  it("has every call of both, each under an id of its own", () => {
    const numbers = services.map((service) => {
      const calls = everyOperation(service).length * callersOf(own, service).length;
      return 3 * originsOf(own, service).length * (calls + attacks.length);
    });
    expect(cells).toHaveLength(numbers.reduce((sum, number) => sum + number));
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length);
  });

  it("lets each caller do what it is granted, and no more, from the networks that the called service lets in", () => {
    const success = { refusedBy: "nobody", status: 201, code: null };
    expect(expected("both/send/callerSubnet/web-func")).toEqual(success);
    expect(expected("both/read/callerSubnet/web-func")).toMatchObject({ code: "role-missing" });
    expect(expected("both/read/callerSubnet/ship-func")).toMatchObject({ code: "AADSTS501051" });
    expect(expected("both/read/bill-func-subnet/web-func")).toBeUndefined();
    expect(expected("both/ship/bill-func-subnet/bill-func")).toEqual(success);
    expect(expected("both/ship/bill-func-subnet/web-func")).toMatchObject({ code: "AADSTS501051" });
    expect(expected("both/ship/otherSubnet/bill-func")).toEqual(refusedByNetwork);
  });

  it("attacks an operation of each that its first caller may call, and calls both Functions hosts", () => {
    const attacked = cells.filter(({ attack }) => attack !== null);
    expect(new Set(attacked.map(({ id, operation }) => [id.split("/")[1], operation].join()))).toEqual(
      new Set(["attack,send", "attack-ship-func,ship"]),
    );
    expect(expected("both/host-ping/callerSubnet/web-func")).toMatchObject({ status: 200 });
    expect(expected("both/host-ship-func-ping/otherSubnet/bill-func")).toEqual(refusedByNetwork);
  });

  it("prepares what an operation needs", () => {
    expect(services.map((service) => preparationsOf(service).map(({ id }) => id))).toEqual([["send"], []]);
  });
});

describe("the report of two called services", () => {
  it("names each network once, the last two last", () => {
    expect(allOriginsOf(own, services).map(({ id, title }) => [id, title])).toEqual([
      ["callerSubnet", "web-func's subnet"],
      ["bill-func-subnet", "bill-func's subnet"],
      ["otherSubnet", "another subnet"],
      ["internet", "the internet"],
    ]);
  });

  it("names each kind of caller once, and says what it holds where", () => {
    const kinds = callerKindsOf(own, services);
    expect(new Set(kinds.map(({ id }) => id)).size).toBe(kinds.length);
    expect(kinds.find(({ id }) => id === "web-func")).toEqual({
      id: "web-func",
      title: "web-func",
      description: "Of bill-func: Holds Bill.Send. Of ship-func: A service of the policy that may not call.",
    });
    expect(kinds.find(({ id }) => id === "no-token")?.description).toBe("Sends no Authorization header.");
    expect(kinds.find(({ id }) => id === "bill-func")).toMatchObject({ title: "bill-func, the granted identity" });
    expect(kinds.find(({ id }) => id === "ship-func")).toMatchObject({ title: "ship-func, granted nothing" });
  });
});
