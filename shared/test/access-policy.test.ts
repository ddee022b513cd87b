import { readFile } from "node:fs/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { accessPolicy } from "../access-policy.ts";

const schema = JSON.parse(await readFile(new URL("../access-policy.schema.json", import.meta.url), "utf8")) as object;
const validate = new Ajv2020().compile(schema);
const services: Record<
  string,
  { subnet: number; roles: Record<string, { id: string }>; callers: Record<string, string[]> }
> = accessPolicy.services;

test("the access policy fits its schema", () => {
  validate(accessPolicy);
  expect(validate.errors).toBeNull();
});

test("every service has a subnet of its own", () => {
  const subnets = Object.values(services).map(({ subnet }) => subnet);
  expect(new Set(subnets).size).toBe(subnets.length);
});

test("role ids are unique across services", () => {
  const ids = Object.values(services).flatMap(({ roles }) => Object.values(roles).map(({ id }) => id));
  expect(new Set(ids).size).toBe(ids.length);
});

test("every caller is a service, and is granted roles that exist", () => {
  for (const { roles, callers } of Object.values(services)) {
    for (const [caller, granted] of Object.entries(callers)) {
      expect(Object.keys(services)).toContain(caller);
      expect(Object.keys(roles)).toEqual(expect.arrayContaining(granted));
    }
  }
});

test("Inventory.Manage is granted to nobody: least privilege that one can see", () => {
  const granted = Object.values(accessPolicy.services["callee-func"].callers).flat();
  expect(granted).not.toContain("Inventory.Manage");
});

describe("the schema refuses", () => {
  const broken = (change: (policy: { services: Record<string, Record<string, unknown>> }) => void): boolean => {
    const copy = structuredClone(accessPolicy) as unknown as { services: Record<string, Record<string, unknown>> };
    change(copy);
    return validate(copy);
  };
  test.each<[string, Parameters<typeof broken>[0]]>([
    ["a service without a subnet", ({ services }) => delete services["callee-func"]?.["subnet"]],
    ["a member that it does not know", ({ services }) => Object.assign(services["callee-func"] ?? {}, { owner: "me" })],
    [
      "a role id that is no GUID",
      ({ services }) => Object.assign(services["callee-func"] ?? {}, { roles: { A: { id: "1", description: "x" } } }),
    ],
    [
      "a caller without roles",
      ({ services }) => Object.assign(services["callee-func"] ?? {}, { callers: { "caller-func": [] } }),
    ],
    [
      "a service name that cannot be part of a resource name",
      ({ services }) => Object.assign(services, { "Callee Func": services["callee-func"] }),
    ],
  ])("%s", (_, change) => {
    expect(broken(change)).toBe(false);
  });
});
