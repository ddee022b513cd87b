import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { type AppInstance, appInstance, isCrash } from "../host/app-instance.ts";
import { freePort } from "../system/ports.ts";
import { lineLike, stage } from "./host-fixture.ts";

async function makeInstance(): Promise<AppInstance & { readonly lines: string[] }> {
  const appFolder = await stage(
    `console.log("host process " + process.ppid); app.http("one", { handler: () => ({}) });`,
  );
  const stateFolder = await mkdtemp(join(tmpdir(), "instance-"));
  const [port, lines] = [await freePort(), [] as string[]];
  const instance = appInstance({ appFolder, port, settings: {}, stateFolder }, (line) => lines.push(line));
  onTestFinished(async () => {
    await instance.kill();
    for (const folder of [appFolder, stateFolder]) await rm(folder, { recursive: true, force: true });
  });
  return { ...instance, lines };
}

it.each([0, 200])("an instance can be stopped before it is up, %i ms after its start", async (afterMs) => {
  const instance = await makeInstance();
  const starting = instance.start();
  await delay(afterMs);
  await Promise.all([instance.stop(), starting]);
  expect(instance.lines.filter(isCrash)).toEqual([]);
});

it("an instance whose host ends by itself says so", async () => {
  const instance = await makeInstance();
  await instance.start();
  const host = Number(/\d+/.exec(await lineLike(instance, /^host process/)));
  expect(instance.lines.filter(isCrash)).toEqual([]);
  process.kill(host, "SIGKILL");
  await expect.poll(() => instance.lines).toContain("the host ended by itself");
});
