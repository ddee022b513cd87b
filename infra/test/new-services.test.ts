import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { apiNames } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { typicalOperation } from "../../tools/contracts.ts";
import { copyRepository } from "../../tools/testing/repository-copy.ts";
import { newService, updateSnapshot } from "../../tools/testing/service-of-copy.ts";
import { type Bicep, bicepOfCheck } from "../bicep.ts";
import { evaluated, type Scratch } from "../evaluate.ts";
import { broken, type Expected } from "../invariants/index.ts";
import { accessRestrictionsOf, type Snapshot } from "../snapshot.ts";
import { expectedOf } from "./expected.ts";

const bicep = bicepOfCheck();

describe.skipIf(bicep === undefined)(
  "services that npm run new:service adds",
  { tags: "needs-bicep", timeout: 240_000 },
  () => {
    it("keep every invariant, and admit whom the tests without a compiler take for admitted", ({ onTestFinished }) => {
      const copy = copyRepository("new-services-");
      onTestFinished(() => {
        copy.remove();
      });
      const [called = ""] = apiNames(accessPolicy);
      const { role } = typicalOperation(called);
      newService(copy.folder, "one-func", "--offers", "One.Use", "--calls", `${called}:${role}`);
      newService(copy.folder, "two-func", "--offers", "Two.Use", "--calls", "one-func:One.Use");
      newService(copy.folder, "three-func", "--calls", "one-func:One.Use", "--calls", "two-func:Two.Use");

      const json = (file: string): unknown => JSON.parse(readFileSync(join(copy.folder, file), "utf8"));
      const policy = json("shared/access-policy.json") as Expected["policy"];
      // Before the compiler writes the same file.
      updateSnapshot(copy.folder);
      const replaced = json("infra/snapshots/default.snapshot.json") as Snapshot;
      const snapshot = evaluated(there(bicep), scratchOf(copy.folder), "default");
      const serviceOptions = json("infra/service-options.json") as Expected["serviceOptions"];
      expect(broken(snapshot, { ...expectedOf("default"), policy, serviceOptions })).toEqual({});

      for (const service of apiNames(policy)) {
        const [evaluatedRules, replacedRules] = [snapshot, replaced].map((one) => {
          const { ipSecurityRestrictions = [], ...others } = accessRestrictionsOf(one, service);
          return { ...others, subnets: ipSecurityRestrictions.map((rule) => rule.vnetSubnetResourceId).sort() };
        });
        if (Object.keys(policy.services[service]?.callers ?? {}).length > 0)
          expect(replacedRules).toEqual(evaluatedRules);
      }
    });
  },
);

function scratchOf(folder: string): Scratch {
  const policyFile = join(folder, "shared", "access-policy.json");
  return { infra: join(folder, "infra"), policyFile, remove: () => undefined };
}

function there(found: Bicep | undefined): Bicep {
  if (found === undefined) throw new Error("Run npm run infra:check: it finds the compiler for these tests.");
  return found;
}
