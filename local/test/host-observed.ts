/** What timers do under a host, and what its clients see of its end: the same for the embedded host and the real one. */
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { MASTER_KEY } from "./host-exchanges.ts";

interface Run {
  readonly begun: number;
  readonly ended?: number;
  readonly isPastDue: boolean;
  readonly hasStatus: boolean;
}

/** The settings that the fixture whole-app.ts is observed under. */
export const OBSERVED_SETTINGS = {
  EVERY_SECOND: "* * * * * *",
  "AzureWebJobs.disabled.Disabled": "true",
  "AzureWebJobs.disabledHttp.Disabled": "true",
} as const;

/** What clients see of a host that ends in an orderly way. */
export const ORDERLY = { answers: [200], "how calls end": ["ECONNREFUSED"] } as const;

/** Watches the timers of whole-app.ts for some seconds. */
export async function observeTimers(port: number): Promise<Readonly<Record<string, unknown>>> {
  const runs = async (name: string): Promise<readonly Run[]> =>
    ((await (await fetch(`http://127.0.0.1:${port}/api/runs`)).json()) as Record<string, Run[]>)[name] ?? [];
  const waitFor = async (name: string, count: number): Promise<readonly Run[]> => {
    await expect.poll(() => runs(name), { timeout: 40_000, interval: 200 }).toSatisfy(hasRuns(count));
    return runs(name);
  };

  const everySecond = await waitFor("everySecond", 3);
  const long = (await waitFor("long", 4)).slice(0, 3);
  const byItself = (await runs("disabled")).length;
  const byHand = await fetch(`http://127.0.0.1:${port}/admin/functions/disabled`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-functions-key": MASTER_KEY },
    body: `{"input":""}`,
  });
  return {
    "a schedule in a setting": (await waitFor("bySetting", 2)).length >= 2,
    "a range given backwards ticks in every second": (await waitFor("backwards", 3)).length >= 3,
    "a step of 0 ticks in every second": (await waitFor("stepOfZero", 3)).length >= 3,
    "ticks are not past due": everySecond.some(({ isPastDue }) => isPastDue),
    "below a minute there is no status": everySecond.some(({ hasStatus }) => hasStatus),
    "a run on start-up is not past due": (await waitFor("onStart", 1)).map(({ isPastDue }) => isPastDue),
    "runs overlap": long.some(({ begun }, index) => begun < (long[index - 1]?.ended ?? 0)),
    "a disabled timer by itself": byItself,
    "a disabled timer by hand": [byHand.status, (await waitFor("disabled", 1)).length],
  };
}

/**
 * Keeps 16 clients calling, each on one connection, and stops the host meanwhile.
 *
 * @returns which statuses they saw, how many calls were cut off, and how each of them ended
 */
export async function observeStop(host: {
  readonly port: number;
  stop(): unknown;
}): Promise<Readonly<Record<string, unknown>>> {
  const statuses = new Set<number>();
  const endings = new Set<string>();
  let answered = 0;
  const client = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (;;) {
        statuses.add(await call(host.port, agent));
        answered += 1;
      }
    } catch (error) {
      endings.add((error as NodeJS.ErrnoException).code ?? String(error));
    } finally {
      agent.destroy();
    }
  };
  const clients = Promise.all(Array.from({ length: 16 }, client));
  while (answered < 200) await delay(20);
  await host.stop();
  await clients;
  return { answers: [...statuses], "how calls end": [...endings] };
}

function hasRuns(count: number) {
  return (runs: readonly Run[]): boolean => runs.filter(({ ended }) => ended !== undefined).length >= count;
}

async function call(port: number, agent: Agent): Promise<number> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "/api/slow", agent }, resolve).on("error", reject);
  });
  response.resume();
  await once(response, "end");
  return response.statusCode ?? 0;
}
