import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { apps, type Bytes, contentsOf } from "../build.ts";

/** The accepted sizes in bytes, by app: committed, so that a growth is a decision somebody sees in review. */
const accepted = join(import.meta.dirname, "..", "bundle-sizes.json");
const GROWTH = 1.1;

test.each(apps)(
  "the bundle of %s is at most 10 % larger than the size accepted for it, at the start and on demand",
  async (app) => {
    const sizes: Bytes = { atStart: 0, onDemand: 0 };
    for (const { atStart, onDemand } of Object.values(await contentsOf(app))) {
      sizes.atStart += atStart;
      sizes.onDemand += onDemand;
    }
    const all = JSON.parse(await readFile(accepted, "utf8")) as Record<string, Bytes>;
    if (process.env["ACCEPT_BUNDLE_SIZES"] === "1") {
      all[app] = sizes;
      await writeFile(accepted, `${JSON.stringify(all, null, 2)}\n`);
    }
    for (const part of ["atStart", "onDemand"] as const) {
      const limit = Math.floor((all[app]?.[part] ?? 0) * GROWTH);
      expect(
        sizes[part],
        `${app}, ${part}: ${sizes[part]} bytes, at most ${limit}. What is in it: npm run build -- --analyze. If the growth is meant, ` +
          "accept it: put the new size into tools/bundle-sizes.json, or run this test with ACCEPT_BUNDLE_SIZES=1.",
      ).toBeLessThanOrEqual(limit);
    }
  },
  60_000,
);
