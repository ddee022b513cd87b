import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadBusiness } from "../business.ts";

async function rootWith(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "restricted-calls-test-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  for (const [file, text] of Object.entries(files)) {
    await mkdir(join(root, file, ".."), { recursive: true });
    await writeFile(join(root, file), text);
  }
  return root;
}

const sender = { "caller-func/chaos.ts": "export const chaos = { sends: {} };" };
const receiver = { "callee-func/chaos.ts": "export const chaos = { receives: {} };" };

it("takes what the two services supply", async () => {
  expect(await loadBusiness(await rootWith({ ...sender, ...receiver }))).toEqual({ sends: {}, receives: {} });
});

it.each([
  ["caller-func", "sends", receiver],
  ["callee-func", "receives", sender],
  ["callee-func", "receives", { ...sender, "callee-func/chaos.ts": "export const other = {};" }],
])("names what %s does not supply: %s", async (service, member, files) => {
  await expect(loadBusiness(await rootWith(files))).rejects.toThrow(`${service}/chaos.ts exports no "chaos.${member}"`);
});
