/** The changes that break the templates' invariants: `policy:diff` sees each of them. */
import { describe, expect, it } from "vitest";
import { caseOf } from "../../infra/test/expected.ts";
import { mutations } from "../../infra/test/mutations/index.ts";
import { type Finding, isOpening } from "../diff/finding.ts";
import { compareTemplates } from "../diff/templates.ts";

/** Changes after which less is possible. Undone, each of them opens. */
const CLOSES = [
  "an Elastic Premium app's files are in a share that exists before the app: no share",
  "App Service Authentication, if enabled, allows the callers and audiences of the app: an external caller not allowed",
  "a callee allows its callers' subnets and address ranges, and no other origin: a rule that refuses",
  "a callee allows its callers' subnets and address ranges, and no other origin: an external caller that is not admitted",
  "a subnet is delegated to App Service plans: no delegation",
  "an identity has built-in Azure roles on its own storage and on Application Insights, and nothing else: no role on the data",
  "calls to services and to storage carry the subnet's identity: no service endpoint for storage",
  "callers have the app roles of the policy, and no identity has another one: an external caller without its role",
  "callers have the app roles of the policy, and no identity has another one: one role less",
];

/** Changes without effect on access, each with the reason that the output states. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  "every service has a Linux plan of its own, of the kind and size asked for: another size":
    "size, replication or price",
  "a plan scales between the declared minimum and maximum of instances: a higher maximum": "capacity",
  "a plan scales between the declared minimum and maximum of instances: no instance always ready": "capacity",
  "Always On is set on a dedicated plan only: alwaysOn, which Elastic Premium refuses": "capacity",
  "Always On is set on a dedicated plan only: no alwaysOn on a dedicated plan": "capacity",
  "zone redundancy holds for the plan and for the storage behind it: data in one zone": "size, replication or price",
  "all resources carry azd's tag and the declared ones: a plan without the declared tag":
    "no access decision reads this tag",
  "a service's subnet begins at its fixed place in the address space: another place":
    "no rule names the addresses of a subnet",
  "a subnet has two addresses for every instance, and those that Azure reserves: a subnet of half the size":
    "no rule names the addresses of a subnet",
  "the platform checks the health of services that have a path for it: no path": "availability",
  // More logs: a matter of cost.
  "the daily cap of the logs is the declared one: logs without a limit": "daily cap",
};

const CHANGES = "every change of a site, of the network and of role assignments in the resource group raises an alert";
const NOT_UNDERSTOOD = [
  `${CHANGES}: an operation that no alert reports`,
  `${CHANGES}: another operation in place of one`,
  `${CHANGES}: an alert on failed changes`,
  `${CHANGES}: an alert on the changes of one person`,
  "a caller has the URL and the scope of each of its callees: a token for something else",
  "a service has its declared settings: another value",
  "alerts are about the apps of this environment only, except the one about the log cap: an alert about the apps of all",
  "no setting holds a secret, except the content share's key on Elastic Premium: a client secret",
  "no setting holds a secret, except the content share's key on Elastic Premium: a key on a dedicated plan",
  "the Functions host reaches its storage as the service's identity: no identity named",
];

const cases = mutations.map((mutation) => ({ ...mutation, title: `${mutation.breaks}: ${mutation.by}` }));
type Case = (typeof cases)[number];

/** @returns what the change does, and what undoing it does */
function compared({ in: name = "default", change }: Case): { readonly done: Finding[]; readonly undone: Finding[] } {
  const [committed, { policy }] = caseOf(name);
  const changed = structuredClone(committed);
  change(changed);
  const [before, after] = [committed, changed].map((snapshot) => ({ policy, snapshots: { [name]: snapshot } })) as [
    Parameters<typeof compareTemplates>[0],
    Parameters<typeof compareTemplates>[1],
  ];
  return { done: compareTemplates(before, after), undone: compareTemplates(after, before) };
}
const wordsOf = (findings: readonly Finding[]): string[] => [...new Set(findings.map(({ word }) => word))];
const listed = (titles: readonly string[]): Case[] => cases.filter(({ title }) => titles.includes(title));
const others = [...CLOSES, ...Object.keys(WITHOUT_EFFECT), ...NOT_UNDERSTOOD];

describe("a change of a template that breaks an invariant", () => {
  it.each(cases.filter(({ title }) => !others.includes(title)))("opens something: $title", (mutation) => {
    const openings = compared(mutation).done.filter(isOpening);
    expect(wordsOf(openings)).not.toEqual([]);
    expect(wordsOf(openings)).not.toContain("changed, not understood");
  });

  it.each(listed(NOT_UNDERSTOOD))("is not understood: $title", (mutation) => {
    expect(wordsOf(compared(mutation).done)).toEqual(["changed, not understood"]);
  });

  it.each(listed(CLOSES))("closes something, and opens it when undone: $title", (mutation) => {
    const { done, undone } = compared(mutation);
    expect(wordsOf(done)).toEqual(["closed"]);
    // A content share is reached through its account only.
    expect(undone.filter(isOpening).length > 0 || undone.every(({ kind }) => kind === "content share")).toBe(true);
  });

  it.each(listed(Object.keys(WITHOUT_EFFECT)))("has no effect, for a stated reason: $title", (mutation) => {
    const { done, undone } = compared(mutation);
    expect(done.map(({ word, kind }) => [word, kind])).toEqual([["changed", WITHOUT_EFFECT[mutation.title]]]);
    // Only of the daily cap, the other direction loses something.
    expect(wordsOf(undone)).toEqual([done[0]?.kind === "daily cap" ? "weakened" : "changed"]);
  });

  it("is in one of the lists at most, and every list is up to date", () => {
    expect(listed(others)).toHaveLength(others.length);
    expect(new Set(others).size).toBe(others.length);
  });
});
