import type { Policy } from "@restricted-calls/shared/access-policy";
import { describe, expect, it } from "vitest";
import { allowedCallers, directoryOf, findResource, type Identity } from "../entra/directory.ts";
import { TEST_IDENTITIES } from "../../tools/service-names.ts";
import { testPolicy } from "./entra-fixture.ts";

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Two callees and two callers, so that nothing can rest on there being one of each. */
const role = { id: "", description: "" };
const twoApis: Policy = {
  services: {
    web: { subnet: 0, roles: {}, callers: {} },
    store: { subnet: 1, roles: { Read: role, Write: role }, callers: { web: ["Write"], billing: ["Read"] } },
    billing: { subnet: 2, roles: { Charge: role }, callers: { web: ["Charge"] } },
  },
};

describe("the directory of an access policy", () => {
  const assignments = (policy: Policy): Record<string, Identity["assignments"]> =>
    Object.fromEntries(directoryOf(policy).identities.map((identity) => [identity.name, identity.assignments]));

  it("has the test identities whose names no service may have, beside the services", () => {
    expect(directoryOf(twoApis).identities.map(({ name }) => name)).toEqual([
      ...Object.keys(twoApis.services),
      ...TEST_IDENTITIES,
    ]);
  });

  it("is the same at every start, and every id in it is another GUID", () => {
    const directory = directoryOf(testPolicy);
    expect(directoryOf(testPolicy)).toEqual(directory);
    const ids = [
      directory.tenantId,
      ...directory.apis.flatMap((api) => [api.clientId, api.servicePrincipalId]),
      ...directory.identities.flatMap((identity) => [identity.clientId, identity.principalId]),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(guid);
  });

  it("registers one API for each service with roles", () => {
    const { apis, tenantId } = directoryOf(twoApis);
    expect(apis.map(({ service, identifierUri, roles }) => ({ service, identifierUri, roles }))).toEqual([
      { service: "store", identifierUri: `api://${tenantId}/store`, roles: ["Read", "Write"] },
      { service: "billing", identifierUri: `api://${tenantId}/billing`, roles: ["Charge"] },
    ]);
    expect(apis.every((api) => api.assignmentRequired && api.requestedAccessTokenVersion === 2)).toBe(true);
  });

  it("grants what the policy grants, and gives the test identities their part of it", () => {
    const both = { "callee-func": ["Records.Read", "Records.Write"] };
    expect(assignments(testPolicy)).toEqual({
      "caller-func": both,
      "callee-func": {},
      "reader-only": { "callee-func": ["Records.Read"] },
      "no-role": {},
      unlisted: both,
      "other-tenant": both,
      "caller-app": both,
    });
  });

  it("grants by any policy, across services", () => {
    expect(assignments(twoApis)).toMatchObject({
      web: { store: ["Write"], billing: ["Charge"] },
      billing: { store: ["Read"] },
      store: {},
      "reader-only": { store: ["Read"], billing: ["Charge"] },
      unlisted: { store: ["Write"], billing: ["Charge"] },
    });
  });

  it("has each external caller under its own ids, with its roles, on the allow-list of those that it may call", () => {
    const jobs = { clientId: "77777777-7777-4777-8777-777777777771", objectId: "77777777-7777-4777-8777-777777777772" };
    const { services } = testPolicy;
    const role = { "Records.Read": { id: "", description: "" } };
    const callee = { subnet: 1, roles: role, callers: { jobs: ["Records.Read"] } };
    const policy: Policy = {
      services: { ...services, "callee-func": callee, "other-func": { ...callee, callers: {} } },
      externalCallers: { jobs: { ...jobs, subnet: "/subnets/jobs" } },
    };
    const directory = directoryOf(policy);
    expect(directory.identities.find(({ name }) => name === "jobs")).toMatchObject({
      clientId: jobs.clientId,
      principalId: jobs.objectId,
      tenantId: directory.tenantId,
      assignments: { "callee-func": ["Records.Read"] },
    });
    expect(allowedCallers(directory, policy, "callee-func")).toContain(jobs.clientId);
    expect(allowedCallers(directory, policy, "other-func")).not.toContain(jobs.clientId);
  });

  it("has every identity in its tenant but other-tenant", () => {
    const { identities, tenantId } = directoryOf(testPolicy);
    const elsewhere = identities.filter((identity) => identity.tenantId !== tenantId);
    expect(elsewhere.map(({ name }) => name)).toEqual(["other-tenant"]);
  });

  it("lists the callers by policy and the listed test identities, not unlisted nor other-tenant", () => {
    const directory = directoryOf(testPolicy);
    const listed = allowedCallers(directory, testPolicy, "callee-func");
    const names = directory.identities.filter(({ clientId }) => listed.includes(clientId)).map(({ name }) => name);
    expect(names.sort()).toEqual(["caller-app", "caller-func", "no-role", "reader-only"]);
  });

  it("finds a resource by exact URI or by client id, and storage also with a trailing slash", () => {
    const directory = directoryOf(twoApis);
    const api = directory.apis[0];
    expect(findResource(directory, api?.identifierUri ?? "")).toBe(api);
    expect(findResource(directory, api?.clientId.toUpperCase() ?? "")).toBe(api);
    expect(findResource(directory, `${api?.identifierUri ?? ""}/`)).toBeUndefined();
    expect(findResource(directory, "https://storage.azure.com")).toBe(directory.storage);
    expect(findResource(directory, "https://storage.azure.com/")).toBe(directory.storage);
  });
});
