import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*/test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Most of these tests wait for processes: on two cores, three files at once take little more than half the time of one.
    maxWorkers: Math.max(3, availableParallelism() - 1),
  },
});
