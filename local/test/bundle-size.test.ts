import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { apps, stage } from "../../build.ts";

/** The accepted sizes in bytes, by app: committed, so that a growth is a decision somebody sees in review. */
const accepted = join(import.meta.dirname, "..", "..", "bundle-sizes.json");
const GROWTH = 1.1;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bundle-size-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test.each(apps)(
  "the bundle of %s is at most 10 % larger than the size accepted for it",
  async (app) => {
    const { size } = await stat(join(await stage(app, join(folder, app)), "main.js"));
    const sizes = JSON.parse(await readFile(accepted, "utf8")) as Record<string, number>;
    if (process.env["ACCEPT_BUNDLE_SIZES"] === "1") {
      sizes[app] = size;
      await writeFile(accepted, `${JSON.stringify(sizes, null, 2)}\n`);
    }
    const limit = (sizes[app] ?? 0) * GROWTH;
    expect(
      size,
      `${app}: ${size} bytes, at most ${Math.floor(limit)}. If the growth is meant, accept it: put the new size into bundle-sizes.json, or ` +
        "run this test with ACCEPT_BUNDLE_SIZES=1.",
    ).toBeLessThanOrEqual(limit);
  },
  60_000,
);
