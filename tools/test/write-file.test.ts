import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile as writeTestFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requireWritable, temporaryFolder, writeFile, writeFileSync } from "../write-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "write-file-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe.skipIf(!existsSync("/dev/full"))("a full disk is said, with the file", { tags: "needs-full-disk" }, () => {
  // https://man7.org/linux/man-pages/man4/full.4.html: every write fails with ENOSPC.
  const said = "/dev/full cannot be written: the disk is full.";

  test("by what writes in the background", async () => {
    await expect(writeFile("/dev/full", "text")).rejects.toThrow(said);
  });

  test("by what writes at once", () => {
    expect(() => {
      writeFileSync("/dev/full", "text");
    }).toThrow(said);
  });
});

test("another failure is told as the system tells it, with its code", async () => {
  await expect(writeFile(join(folder, "none", "file"), "")).rejects.toMatchObject({ code: "ENOENT" });
  await writeFile(join(folder, "there"), "");
  await expect(writeFile(join(folder, "there"), "", { flag: "wx" })).rejects.toMatchObject({ code: "EEXIST" });
});

describe("a folder that must be writable", () => {
  test("is, and nothing of the question is left, also where it has to be made", async () => {
    await requireWritable(folder);
    await requireWritable(join(folder, "a", "b"));
    expect(existsSync(join(folder, "a"))).toBe(false);
  });

  test("is not: named, with the cause", async () => {
    await writeTestFile(join(folder, "a-file"), "");
    const inside = join(folder, "a-file", "reports");
    await expect(requireWritable(inside)).rejects.toThrow(`${inside} cannot be written (ENOTDIR)`);
  });
});

describe("a temporary folder", () => {
  /** Makes one in a process that ends at once, as by a second Ctrl-C. */
  const madeBefore = (end: string): string => {
    const module = JSON.stringify(new URL("../write-file.ts", import.meta.url).href);
    const code = `
      const { temporaryFolder } = await import(${module});
      const { folder, keep } = temporaryFolder("made-");
      console.log(folder);
      ${end}`;
    const args = ["--input-type=module", "-e", code];
    return spawnSync(process.execPath, args, {
      encoding: "utf8",
      env: { ...process.env, TMPDIR: folder },
    }).stdout.trim();
  };

  test("goes with its process, unless it is kept", async () => {
    const [gone, kept] = [madeBefore("process.exit(130)"), madeBefore("keep(); process.exit(1)")];
    expect([existsSync(gone), existsSync(kept)]).toEqual([false, true]);
    await rm(kept, { recursive: true });
  });

  test("can go before", () => {
    const made = temporaryFolder("made-");
    expect(existsSync(made.folder)).toBe(true);
    made.remove();
    expect(existsSync(made.folder)).toBe(false);
    expect(process.listeners("exit")).not.toContain(made.remove);
  });
});
