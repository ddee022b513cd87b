// The tests of the mutation run.
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const root = join(import.meta.dirname, "..", "..");
const at = (path: string): string => join(root, "shared", path);

/** Tests that make keys, wait, or use storage. Stryker stops at the first test that fails, so the quick ones come first. */
const SLOW = /(authorizer|oracle|request-path|service-client|credential-.*|outbox|message-store)\.test\.ts$/;

class QuickFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isSlow = ({ moduleId }: TestSpecification): number => Number(SLOW.test(moduleId));
    return Promise.resolve(files.toSorted((one, other) => isSlow(one) - isSlow(other)));
  }
}

/** The tests that load the mutated code into their own process, and take seconds. Those that start whole systems are left out. */
export default defineConfig({
  root,
  // In Stryker's copy of the repository, the workspace's link leads back to the code without mutants.
  resolve: {
    alias: [
      {
        find: /^@restricted-calls\/shared\/(authorization|functions|identity|outbox|service-client)$/,
        replacement: at("$1/index.ts"),
      },
      { find: /^@restricted-calls\/shared\/(.+)(?<!\.json)$/, replacement: at("$1.ts") },
    ],
  },
  test: {
    include: [
      "shared/test/!(http-functions|json-body|load-soon|managed-identity|ncrontab).test.ts",
      "caller-func/test/{credential-settings,credential-tokens,orders.unit}.test.ts",
    ],
    sequence: { sequencer: QuickFirst },
    // One process for all files, with what they import: several times as fast.
    isolate: false,
    testTimeout: 15_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 3_000 } },
  },
});
