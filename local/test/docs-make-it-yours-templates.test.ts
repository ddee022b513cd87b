import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { type Bicep, bicepOfCheck } from "../../infra/bicep.ts";
import { evaluated } from "../../infra/evaluate.ts";
import { broken, type Expected } from "../../infra/invariants/index.ts";
import { accessRestrictionsOf, readSnapshot, type Snapshot, subnetIdOf } from "../../infra/snapshot.ts";
import { expectedOf } from "../../infra/test/expected.ts";
import { applyBlock, blocksOf } from "./docs-pages.ts";
import { followNewService } from "../../tools/testing/service-of-copy.ts";
import { copyRepository, type RepositoryCopy } from "../../tools/testing/repository-copy.ts";

const bicep = bicepOfCheck();
const page = blocksOf(readFileSync(join(import.meta.dirname, "..", "..", "docs", "make-it-yours.md"), "utf8"));

/** The files that the templates read, as an example of docs/make-it-yours.md leaves them. */
function example(bicep: Bicep, { folder }: RepositoryCopy, numbers: RegExp): [Snapshot, Expected] {
  for (const block of page) {
    if (numbers.test(block.section) && block.text.startsWith("npm run new:service"))
      followNewService(block.text, folder);
    const isRead = /`(shared\/access-policy\.json|infra\/service-options\.json|callee-func\/contract\.ts)`/.test(
      block.lead,
    );
    if (numbers.test(block.section) && isRead) applyBlock(block, folder);
  }
  const read = (path: string): unknown => JSON.parse(readFileSync(join(folder, path), "utf8"));
  const scratch = { infra: join(folder, "infra"), policyFile: join(folder, "shared", "access-policy.json") };
  return [
    evaluated(bicep, { ...scratch, remove: () => undefined }, "default"),
    {
      ...expectedOf("default"),
      policy: read("shared/access-policy.json") as Expected["policy"],
      serviceOptions: read("infra/service-options.json") as Expected["serviceOptions"],
    },
  ];
}

describe.skipIf(bicep === undefined)("make it yours", { tags: "needs-bicep", timeout: 120_000 }, () => {
  let copy: RepositoryCopy | undefined;
  afterEach(() => copy?.remove());

  test("the templates make a role, and a service that holds it, out of the policy, and let it in", () => {
    if (bicep === undefined) return;
    copy = copyRepository();
    const [snapshot, expected] = example(bicep, copy, /^[123]\./);
    expect(broken(snapshot, expected)).toEqual({});
    const letIn = accessRestrictionsOf(snapshot, "callee-func").ipSecurityRestrictions ?? [];
    expect(letIn.map(({ vnetSubnetResourceId }) => vnetSubnetResourceId)).toEqual(
      expect.arrayContaining(["audit-func", "caller-func"].map((service) => subnetIdOf(snapshot, service))),
    );
    expect(subnetIdOf(snapshot, "caller-func")).toBe(subnetIdOf(readSnapshot("default"), "caller-func"));
  });

  test("the templates keep every invariant with another business", () => {
    if (bicep === undefined) return;
    copy = copyRepository();
    const [snapshot, expected] = example(bicep, copy, /^4\./);
    expect(broken(snapshot, expected)).toEqual({});
  });
});
