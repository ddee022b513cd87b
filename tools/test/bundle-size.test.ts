import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { apps, type Bytes, SIZE_FILE, sizeOf } from "../build.ts";

const GROWTH = 1.1;

test.each(apps)(
  "the bundle of %s is at most 10 % larger than the size accepted for it, at the start and on demand",
  async (app) => {
    const file = join(import.meta.dirname, "..", "..", app, SIZE_FILE);
    const sizes = await sizeOf(app);
    if (process.env["ACCEPT_BUNDLE_SIZES"] === "1") await writeFile(file, `${JSON.stringify(sizes, null, 2)}\n`);
    const accepted = JSON.parse(await readFile(file, "utf8")) as Bytes;
    for (const part of ["atStart", "onDemand"] as const) {
      const limit = Math.floor(accepted[part] * GROWTH);
      expect(
        sizes[part],
        `${app}, ${part}: ${sizes[part]} bytes, at most ${limit}. What is in it: npm run build -- --analyze. If the growth is meant, ` +
          `accept it: put the new size into ${app}/${SIZE_FILE}, or run this test with ACCEPT_BUNDLE_SIZES=1.`,
      ).toBeLessThanOrEqual(limit);
    }
  },
  60_000,
);
