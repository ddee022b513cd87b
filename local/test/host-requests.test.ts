import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stage, start, type RunningHost } from "./host-fixture.ts";
import { type Exchange, exchanges, limitedBodies, MASTER_KEY, ownEndpoints, send } from "./host-exchanges.ts";

const SETTINGS = {
  "AzureWebJobs.disabledHttp.Disabled": "true",
  "AzureWebJobs.disabled.Disabled": "true",
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: "1000",
};
const LOCKED = { ...SETTINGS, FUNCTIONS_ADMIN_ISOLATION_ENABLED: "1", AzureWebJobsDisableHomepage: "true" };

describe.each([
  ["open, as under func start", undefined, SETTINGS, [...exchanges, ...ownEndpoints("open")]],
  [
    "with keys, as in Azure",
    MASTER_KEY,
    SETTINGS,
    [...ownEndpoints("no key"), ...ownEndpoints("key"), ...limitedBodies("key")],
  ],
  ["with keys and isolated", MASTER_KEY, LOCKED, [...ownEndpoints("key, isolated"), ...limitedBodies("key, isolated")]],
] as const)("the embedded host %s answers", (_, masterKey, settings, list: readonly Exchange[]) => {
  let host: RunningHost;
  beforeAll(async () => {
    const folder = await stage("whole-app.ts");
    const all = { ...settings, EVERY_SECOND: "* * * * * *" };
    host = await start(folder, { settings: all, ...(masterKey === undefined ? {} : { masterKey }) });
  });
  afterAll(async () => {
    await host.stop();
    await rm(host.folder, { recursive: true });
  });

  it.each(list)("$title", async (exchange) => {
    expect(await send(host.port, exchange)).toEqual(exchange.answer);
  });
});
