/** Reports of full size for tests. */
import { accessPolicy } from "../../../tools/access-policy.ts";
import { callersOf } from "../../model/callers.ts";
import { matrixOf } from "../../local/matrix.ts";
import type { Call } from "../../model/plan.ts";
import { everyOperation } from "../../model/operations.ts";
import { originsOf } from "../../model/origins.ts";
import type { Policy, ServicePolicy } from "@restricted-calls/shared/access-policy";
import type { CallerKind, Cell, Check, Exchange, Operation, Outcome, Report } from "../../model/report.ts";
import { statusOf } from "../../model/status.ts";

/** Reports as a verification writes them, of the size that they have: the matrix is the real one, the answers are not. */
/** Without external callers: a page with few calls shows all of them at once. */
export const policy: Policy = {
  services: Object.fromEntries(
    Object.entries<ServicePolicy>(accessPolicy.services).map(([name, { callers, ...service }]) => {
      const inside = Object.entries(callers).filter(([caller]) => Object.hasOwn(accessPolicy.services, caller));
      return [name, { ...service, callers: Object.fromEntries(inside) }];
    }),
  ),
};

const origins = originsOf(policy, "callee-func");
const operations = everyOperation("callee-func");

const NETWORK: Outcome = { refusedBy: "network", status: 403, code: null };

/** The local system, everything as expected. */
export function passedReport(): Report {
  return reportOf({ target: { kind: "local", system: "own" }, cells: matrixOf(policy).map(asExpected) });
}

/** As of two services: so many calls that the page's script shows them. */
export function largeReport(): Report {
  const { operations, cells, ...rest } = passedReport();
  const other = (id: string): string => `other-${id}`;
  return judged({
    ...rest,
    operations: [...operations, ...operations.map((one) => ({ ...one, id: other(one.id), service: "other-func" }))],
    cells: [
      ...cells,
      ...cells.map((cell) => ({
        ...cell,
        id: cell.id.replace("/", "/other-"),
        operation: other(cell.operation),
      })),
    ],
  });
}

/** The local system, with two calls let through that should not be, and one refused otherwise than expected. */
export function failedReport(): Report {
  const passed = passedReport();
  const differing: Readonly<Record<string, Outcome>> = {
    "both/get-record/internet/caller-func": { refusedBy: "nobody", status: 200, code: null },
    "both/set-record/callerSubnet/other-role": { refusedBy: "nobody", status: 200, code: null },
    "both/attack/callerSubnet/ended an hour ago": { refusedBy: "application", status: 401, code: "malformed-token" },
  };
  return judged({
    ...passed,
    commit: { id: "cc7700f1d2a3b4c5d6e7f8091a2b3c4d5e6f7081", changed: true },
    cells: passed.cells.map((cell) => {
      const actual = differing[cell.id];
      return actual === undefined
        ? cell
        : { ...cell, actual, result: "different", exchanges: [exchangeOf(cell, actual)] };
    }),
  });
}

/** The local system, where only some of it was asked for. */
export function filteredReport(): Report {
  const passed = passedReport();
  const cells = passed.cells.filter(({ id }) => id.startsWith("both/get-record/"));
  return judged({ ...passed, only: "both/get-record/", cells });
}

/** A deployment with findings, seen from a machine outside of its network. */
export function deploymentReport(): Report {
  const cells = matrixOf(policy)
    .filter(({ layers, attack }) => layers === "both" && attack === null)
    .map((cell): Cell =>
      cell.origin === "internet"
        ? asExpected(cell)
        : {
            ...asExpected(cell),
            actual: null,
            result: "not-checked",
            exchanges: [],
            note: "This machine is outside of the virtual network: calls from its subnets cannot be made here.",
          },
    );
  return reportOf({
    target: {
      kind: "deployment",
      environment: "prod",
      subscriptionId: "11111111-2222-4333-8444-555555555555",
      resourceGroup: "rg-restricted-prod",
      tenantId: "66666666-7777-4888-8999-aaaaaaaaaaaa",
    },
    cells,
    checks: CHECKS,
  });
}

/** A report of a policy of so many services, each called by the one before it, the last also by the first. */
export function reportOfServices(number: number): Report {
  const names = ["storefront", "accounts", "catalogue", "payments", "notifications", "reporting-and-archive"];
  const services = names.slice(0, number).map((name, i): [string, Policy["services"][string]] => [
    name,
    {
      subnet: i,
      roles:
        i === 0
          ? {}
          : Object.fromEntries(
              ["Read", "Write", "Administer"].map((right, n) => [
                `${name[0]?.toUpperCase()}${name.slice(1)}.${right}`,
                { id: `00000000-0000-4000-8000-0000000000${i}${n}`, description: `${right} ${name}` },
              ]),
            ),
      callers: Object.fromEntries(
        [names[i - 1], i === number - 1 && i > 1 ? names[0] : undefined].flatMap((caller, n) =>
          caller === undefined
            ? []
            : [
                [
                  caller,
                  ["Read", "Write"].slice(n).map((right) => `${name[0]?.toUpperCase()}${name.slice(1)}.${right}`),
                ],
              ],
        ),
      ),
    },
  ]);
  const calls: Operation[] = services.slice(1).flatMap(([service, { roles }]) =>
    Object.keys(roles).map((role) => ({
      id: `use-${role}`,
      service,
      method: "GET",
      route: `/api/${service}/{id}`,
      role,
    })),
  );
  const callers: CallerKind[] = names.map((id) => ({ id, title: id, description: "A service of the policy." }));
  const cells = calls.flatMap(({ id, role, service }) =>
    callers.flatMap(({ id: caller }) =>
      origins.map(({ id: origin }) => {
        const place = { layers: "both", operation: id, origin, caller, attack: null } as const;
        const granted = Object.fromEntries(services)[service]?.callers[caller]?.includes(role ?? "") === true;
        const expected: Outcome = granted ? { refusedBy: "nobody", status: 200, code: null } : NETWORK;
        return asExpected({ id: `both/${id}/${origin}/${caller}`, ...place, expected });
      }),
    ),
  );
  return reportOf({
    target: { kind: "local", system: "own" },
    policy: { services: Object.fromEntries(services) },
    callers,
    operations: calls,
    cells,
  });
}

/** A report in which every string of free text is hostile. */
export function hostileReport(text: string): Report {
  const spoil = (value: unknown): unknown => {
    if (typeof value === "string") return `${value}${text}`;
    if (Array.isArray(value)) return value.map(spoil);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) =>
        FIXED.has(key) ? [key, member] : [NAMED.has(key) ? key : `${key}${text}`, spoil(member)],
      ),
    );
  };
  const small = deploymentReport();
  const failed = failedReport();
  const cells = [...failed.cells.filter(({ result }) => result === "different"), ...small.cells.slice(0, 20)];
  return spoil(judged({ ...small, cells, only: "all" })) as Report;
}

/** What is of a fixed vocabulary, and what names a field and not a thing. */
const FIXED = new Set(["kind", "status", "result", "layers", "refusedBy", "formatVersion", "by"]);
const NAMED = new Set(
  [
    "$schema target environment subscriptionId resourceGroup tenantId startedAt durationSeconds commit id changed versions",
    "only policy services subnet roles callers origins title description operations service method route role cells",
    "operation origin caller attack expected actual status code note heldByOneLayer exchanges request url headers token",
    "header claims body response checks resource found why fix",
  ].flatMap((line) => line.split(" ")),
);

function reportOf(parts: Partial<Report> & Pick<Report, "target" | "cells">): Report {
  return judged({
    $schema: "./report.schema.json",
    formatVersion: 1,
    startedAt: "2026-11-24T16:40:39.120Z",
    durationSeconds: 84.26,
    commit: { id: "cc7700f1d2a3b4c5d6e7f8091a2b3c4d5e6f7081", changed: false },
    versions: {
      node: "24.21.0",
      "@azure/functions": "4.16.5",
      jose: "6.2.3",
      "@azure/identity": "4.14.1",
      Bicep: "0.45.6",
    },
    only: null,
    policy,
    origins: origins.map(({ id, title }) => ({ id, title })),
    callers: callersOf(policy, "callee-func").map(({ id, title, description }) => ({ id, title, description })),
    operations,
    checks: [],
    status: "incomplete",
    ...parts,
  });
}

function judged(report: Report): Report {
  return { ...report, status: statusOf(report) };
}

/** A planned call that ended as planned. */
function asExpected(cell: Call): Cell {
  const { expected, layers, id } = cell;
  const place = id.slice(id.indexOf("/"));
  return {
    ...cell,
    actual: expected,
    result: "as-expected",
    note: null,
    heldByOneLayer: layers !== "both" && expected.refusedBy === "nobody" && !LET_THROUGH.has(place),
    exchanges: expected.refusedBy === "identity-provider" ? [] : [exchangeOf(cell, expected)],
  };
}

/** What both layers together let through, without the layers in its id. */
const LET_THROUGH: ReadonlySet<string> = new Set(
  matrixOf(policy)
    .filter(({ layers, expected }) => layers === "both" && expected.refusedBy === "nobody")
    .map(({ id }) => id.slice(id.indexOf("/"))),
);

function exchangeOf(cell: Call, outcome: Outcome): Exchange {
  const operation = operations.find(({ id }) => id === cell.operation);
  const { method, route } = operation ?? { method: "GET", route: `/api/${cell.operation}` };
  const token = {
    header: { typ: "JWT", alg: "RS256", kid: "key-1" },
    claims: {
      aud: "9a1f0b6e-2f6d-4f0e-9b3a-0f6c1a2b3c4d",
      iss: "https://localhost:7090/66666666-7777-4888-8999-aaaaaaaaaaaa/v2.0",
      iat: 1795538439,
      nbf: 1795538439,
      exp: 1795624839,
      azp: "0d3d5d1a-7b51-4c40-8a40-3f6f9a1f7c11",
      azpacr: "2",
      idtyp: "app",
      oid: "5f0c8f2e-1111-4000-8000-000000000001",
      roles: ["Records.Read", "Records.Write"],
      sub: "5f0c8f2e-1111-4000-8000-000000000001",
      tid: "66666666-7777-4888-8999-aaaaaaaaaaaa",
      ver: "2.0",
    },
  };
  const refusedByNetwork = outcome.refusedBy === "network";
  return {
    request: {
      method: method,
      url: `http://127.0.0.1:7081${route.replace(/\{.*\}/, "record-1")}`,
      headers: {
        ...(cell.caller === "no-token" ? {} : { authorization: "Bearer <redacted>" }),
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ...(method === "PUT" ? { "content-type": "application/json" } : {}),
      },
      token: cell.caller === "no-token" ? null : token,
      body: method === "PUT" ? '{"record":"record-1"}' : null,
    },
    response: {
      status: outcome.status ?? 200,
      headers: refusedByNetwork
        ? { "content-type": "text/html", "x-ms-forbidden-ip": "203.0.113.7" }
        : { "content-type": outcome.code === null ? "application/json" : "application/problem+json" },
      body: refusedByNetwork
        ? "<!DOCTYPE html>\n<html><head><title>Web App - Unavailable</title></head><body><h1>Error 403 - Forbidden</h1></body></html>\n"
        : outcome.code === null
          ? '{"id":"record-1","value":100}'
          : JSON.stringify({
              type: "about:blank",
              status: outcome.status,
              code: outcome.code,
              detail: "Get another token.",
            }),
    },
  };
}

const SITE =
  "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-restricted-prod/providers/Microsoft.Web/sites";

const CHECKS: readonly Check[] = [
  {
    id: "assignments/callee-func/caller-func-old",
    title: "An app role is held outside the policy",
    resource: "service principal callee-func, assignment c3RyYXk",
    result: "finding",
    expected: "Records.Write is held by caller-func only",
    found: "Records.Write is also held by caller-func-old (4e5f6a7b-0000-4000-8000-000000000004)",
    why: "Whoever holds the role and comes from an admitted subnet can write records.",
    fix:
      "az rest --method DELETE --url https://graph.microsoft.com/v1.0/servicePrincipals/" +
      "8c9d0e1f-0000-4000-8000-000000000008/appRoleAssignedTo/c3RyYXk",
    note: null,
  },
  {
    id: "restrictions/callee-func/scm-default",
    title: "The SCM site admits what no rule names",
    resource: `${SITE}/callee-func-prod`,
    result: "finding",
    expected: "scmIpSecurityRestrictionsDefaultAction: Deny",
    found: "scmIpSecurityRestrictionsDefaultAction: Allow",
    why: "The SCM site can replace the app's code: from it the whole protection can be taken out.",
    fix:
      "az webapp config access-restriction set --resource-group rg-restricted-prod --name callee-func-prod " +
      "--scm-default-action Deny",
    note: null,
  },
  ...[
    "TLS 1.2 or later",
    "FTP is off",
    "basic credentials are off (FTP)",
    "basic credentials are off (SCM)",
    "HTTPS only",
  ].map((title, i): Check => ({
    id: `sites/callee-func/setting-${i}`,
    title: `callee-func: ${title}`,
    resource: `${SITE}/callee-func-prod`,
    result: "as-expected",
    expected: "as the template says",
    found: "as the template says",
    why: "An older protocol can be read or changed under way.",
    fix: null,
    note: null,
  })),
  {
    id: "directory/callee-func/secrets",
    title: "The app registration has no secrets",
    resource: "application callee-func",
    result: "not-checked",
    expected: "no password credentials and no keys",
    found: null,
    why: "A secret on the registration can be used to act as the API.",
    fix: null,
    note: "Microsoft Graph answered 403: the permission Application.Read.All is missing.",
  },
];
