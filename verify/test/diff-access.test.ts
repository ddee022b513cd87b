/** Who gains and who loses access by a change of the access policy or of a contract. */
import "../../tools/testing/example-system.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contracts } from "../../tools/contracts.ts";
import { type AccessState, compareAccess } from "../diff/access.ts";
import type { StatedOperation } from "../diff/contract-source.ts";
import { type Finding, isOpening, lineOf } from "../diff/finding.ts";
import { matrixOf } from "../local/matrix.ts";
import { isOfPolicy, policy } from "../model/policy.ts";

const operations: readonly StatedOperation[] = Object.entries(contracts).flatMap(([service, contract]) =>
  contract.operations.map((operation) => {
    const { id, method, route, access } = operation;
    return { id, service, method, route, access, role: operation.access === "token" ? operation.role : null };
  }),
);
const shipped: AccessState = { policy, operations };

/** Parts of the example, as the changes need them: a service with roles, one of its callers, and what it may not do yet. */
const [callee, caller, granted, free] = ["callee-func", "caller-func", "Records.Read", "Records.Manage"];
const partner = "partner-gateway";
const batch = "batch-jobs";

type Writable<T> = T extends object ? { -readonly [K in keyof T]: Writable<T[K]> } : T;
type Draft = Writable<AccessState>;

function changed(change: (draft: Draft) => void): AccessState {
  const draft = structuredClone(shipped) as Draft;
  change(draft);
  return draft;
}
const service = (draft: Draft, name = callee) => there(draft.policy.services[name]);
const operation = (draft: Draft, id: string) => there(draft.operations.find((one) => one.id === id));
const external = (draft: Draft, name: string) => there(draft.policy.externalCallers?.[name]);

/** Changes by which somebody gains access, and what is found. */
const gains: readonly [by: string, change: (draft: Draft) => void, lines: readonly string[]][] = [
  [
    "a role for a caller",
    (draft) => there(service(draft).callers[caller]).push(free),
    [`gained: ${caller} may call PUT /api/records/{id} of ${callee} (${free})`],
  ],
  [
    "a new service that calls",
    (draft) => {
      draft.policy.services["billing-func"] = { subnet: 200, roles: {}, callers: {} };
      service(draft).callers["billing-func"] = [granted];
    },
    [
      `gained: billing-func may call GET /api/health of ${callee} (no role)`,
      `gained: billing-func may call GET /api/records/{id} of ${callee} (${granted})`,
    ],
  ],
  [
    "a new external caller",
    (draft) => {
      draft.policy.externalCallers = {
        ...draft.policy.externalCallers,
        auditor: { clientId: "client", objectId: "object", addressRanges: ["192.0.2.0/28"] },
      };
      service(draft).callers["auditor"] = [granted];
    },
    [
      `gained: auditor may call GET /api/health of ${callee} (no role)`,
      `gained: auditor may call GET /api/records/{id} of ${callee} (${granted})`,
      "gained: the client client is auditor",
      "gained: the service principal object holds the roles of auditor",
      "gained: auditor may call from 192.0.2.0/28",
    ],
  ],
  [
    "a wider range of an external caller",
    (draft) => Object.assign(external(draft, partner), { addressRanges: ["203.0.113.0/24", "3fff:a::/48"] }),
    [`gained: ${partner} may call from 203.0.113.0/24`],
  ],
  [
    "another range of an external caller",
    (draft) => external(draft, partner).addressRanges?.push("2001:db8::/48"),
    [`gained: ${partner} may call from 2001:db8::/48`],
  ],
  [
    "another subnet of an external caller",
    (draft) => Object.assign(external(draft, batch), { subnet: "/subnets/other" }),
    [`gained: ${batch} may call from /subnets/other`],
  ],
  [
    "another client of an external caller",
    (draft) => Object.assign(external(draft, batch), { clientId: "other" }),
    [`gained: the client other is ${batch}`],
  ],
  [
    "another service principal of an external caller",
    (draft) => Object.assign(external(draft, batch), { objectId: "other" }),
    [`gained: the service principal other holds the roles of ${batch}`],
  ],
  [
    "another id of a role",
    (draft) => Object.assign(there(service(draft).roles[granted]), { id: "other" }),
    [`gained: whoever is assigned other holds ${granted} of ${callee}`],
  ],
  [
    "an exchange of the ids of two roles",
    (draft) => {
      const [first, second] = [there(service(draft).roles[granted]), there(service(draft).roles[free])];
      [first.id, second.id] = [second.id, first.id];
    },
    [
      `gained: whoever is assigned ${there(policy.services[callee]?.roles[free]).id} holds ${granted} of ${callee}`,
      `gained: whoever is assigned ${there(policy.services[callee]?.roles[granted]).id} holds ${free} of ${callee}`,
    ],
  ],
  [
    "a role that no operation requires",
    (draft) => {
      service(draft).roles["Records.Unused"] = { id: "unused", description: "" };
      there(service(draft).callers[caller]).push("Records.Unused");
    },
    [`gained: ${caller} holds Records.Unused of ${callee}, which no operation requires`],
  ],
  [
    "an operation that requires a role of its callers instead",
    (draft) => Object.assign(operation(draft, "set-record"), { role: granted }),
    [`gained: ${caller} may call PUT /api/records/{id} of ${callee} (${granted})`],
  ],
  [
    "a public operation in place of one with a role",
    (draft) => Object.assign(operation(draft, "set-record"), { access: "public", role: null }),
    [
      `gained: everyone whom the network admits may call PUT /api/records/{id} of ${callee} without a token`,
      `gained: ${caller} may call PUT /api/records/{id} of ${callee} (no role)`,
    ],
  ],
  [
    "a public operation in place of one with a function key",
    (draft) => Object.assign(operation(draft, "submit-work"), { access: "public" }),
    [`gained: everyone whom the network admits may call POST /api/work of ${caller} without a token`],
  ],
  [
    "a new operation that a grant opens",
    (draft) => draft.operations.push({ ...operation(draft, "get-record"), id: "new", route: "/api/new" }),
    [`gained: ${caller} may call GET /api/new of ${callee} (${granted})`],
  ],
  [
    "a new operation with a function key",
    (draft) => draft.operations.push({ ...operation(draft, "submit-work"), id: "new", route: "/api/new" }),
    [`gained: whoever has a function key may call POST /api/new of ${caller} without a token`],
  ],
];

/** Undone, these open as well: the value decides, and none is safer than another one. */
const IN_BOTH_DIRECTIONS = /^another (subnet|client|service principal|id)|^an exchange/;

describe("who gains access", () => {
  it.each(gains)("by %s", (_by, change, lines) => {
    const openings = compareAccess(shipped, changed(change)).filter(isOpening).map(lineOf);
    // Other external callers of the example may hold the same role.
    expect(openings).toEqual(expect.arrayContaining([...lines]));
    const others = openings.filter((line) => !lines.includes(line));
    expect(
      others.filter((line) => ![batch, partner].some((name) => line.startsWith(`gained: ${name} may call `))),
    ).toEqual([]);
  });

  it.each(gains.filter(([by]) => !IN_BOTH_DIRECTIONS.test(by)))(
    "undone, is lost by nobody but them: %s",
    (_by, change) => {
      const found = compareAccess(changed(change), shipped);
      expect(found.filter(isOpening).map(lineOf)).toEqual([]);
    },
  );

  it.each(gains.filter(([by]) => !IN_BOTH_DIRECTIONS.test(by)))(
    "is named as lost when undone: %s",
    (_by, change, lines) => {
      const lost = compareAccess(changed(change), shipped).map(lineOf);
      expect(lost).toEqual(expect.arrayContaining(lines.map((line) => line.replace(/^gained/, "lost"))));
    },
  );

  it("is whoever may keep a role for longer", () => {
    const until = (date?: string): AccessState =>
      changed((draft) => {
        const justification = { owner: "a", reason: "b", ...(date !== undefined && { until: date }) };
        service(draft).justifications = { ...service(draft).justifications, [caller]: { [granted]: justification } };
      });
    const [early, late] = [until("2030-01-01"), until("2031-01-01")];
    const grant = `${caller} holds ${granted} of ${callee}`;
    const lines = (before: AccessState, after: AccessState): string[] => compareAccess(before, after).map(lineOf);
    expect(lines(early, late)).toEqual([`gained: ${grant} from 2030-01-01 until 2031-01-01`]);
    expect(lines(late, early)).toEqual([`lost: ${grant} from 2030-01-01 until 2031-01-01`]);
    expect(lines(late, until())).toEqual([`gained: ${grant} after 2031-01-01`]);
    expect(lines(until(), shipped)).toEqual([]);
  });

  it("is nobody, if only ids and names change", () => {
    const same = changed((draft) => {
      Object.assign(operation(draft, "get-record"), { id: "renamed", route: "/api/records/{key}" });
      Object.assign(there(service(draft).roles[granted]), { description: "another text" });
      service(draft).subnet = 99;
    });
    expect(compareAccess(shipped, same)).toEqual([]);
  });
});

describe("a route", () => {
  const routed = (route: string): AccessState =>
    changed((draft) => Object.assign(operation(draft, "get-record"), { route }));
  const wordsOf = (before: AccessState, after: AccessState): string[] => [
    ...new Set(compareAccess(before, after).map(({ word }) => word)),
  ];

  it.each(["{*id}", "{**id}", "{id?}", "{id:int}", "{id=1}"])(
    "with a parameter of another form is another: %s",
    (id) => {
      expect(wordsOf(routed("/api/records/{id}"), routed(`/api/records/${id}`))).toEqual(["gained", "lost"]);
    },
  );

  it("is the same in another case, but not its constraints", () => {
    expect(wordsOf(routed("/api/records/{id}"), routed("/API/Records/{ID}"))).toEqual([]);
    const [small, capital] = ["a", "A"].map((letter) => routed(`/api/records/{id:regex(^${letter}$)}`));
    expect(wordsOf(small ?? shipped, capital ?? shipped)).toEqual(["gained", "lost"]);
  });
});

/** Grants of the example's callee at random. */
const states = fc
  .record({
    [caller]: fc.subarray(Object.keys(policy.services[callee]?.roles ?? {})),
    [batch]: fc.subarray(Object.keys(policy.services[callee]?.roles ?? {})),
  })
  .map((callers): AccessState => {
    const given = Object.fromEntries(Object.entries(callers).filter(([, roles]) => roles.length > 0));
    return changed((draft) => (service(draft).callers = given));
  });
const only = (word: Finding["word"], found: readonly Finding[]): string[] =>
  found.flatMap((finding) => (finding.word === word ? [finding.text] : [])).sort();

describe("a comparison", () => {
  it("of a commit with itself finds nothing", () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(compareAccess(state, structuredClone(state))).toEqual([]);
      }),
    );
  });

  it("finds gained in one direction what it finds lost in the other one", () => {
    fc.assert(
      fc.property(states, states, (before, after) => {
        const [there, back] = [compareAccess(before, after), compareAccess(after, before)];
        expect(only("gained", there)).toEqual(only("lost", back));
        expect(only("lost", there)).toEqual(only("gained", back));
      }),
    );
  });

  it("with a system without grants finds the calls that the proof's matrix admits", () => {
    const none = changed((draft) => {
      for (const one of Object.values(draft.policy.services)) one.callers = {};
      delete draft.policy.externalCallers;
    });
    const found = only("gained", compareAccess(none, shipped)).filter(
      (text) => text.includes(" may call ") && text.endsWith(")"),
    );
    const admitted = matrixOf(policy)
      .filter(({ layers, expected }) => layers === "both" && expected.refusedBy === "nobody")
      .flatMap(({ caller: who, operation: id }) => {
        const one = operations.find((candidate) => candidate.id === id);
        // An operation of the Functions host is in no contract.
        if (who === null || !isOfPolicy(who) || one === undefined) return [];
        return `${who} may call ${one.method} ${one.route} of ${one.service} (${one.role ?? "no role"})`;
      });
    expect(found).toEqual([...new Set(admitted)].sort());
  });
});

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("The example has changed: adapt this test.");
  return value;
}
