/** Measures POST /api/orders of many clients at once, and where the processor time of the caller's process goes. */
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { Profiler } from "node:inspector";
import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";
import type { Bench } from "@restricted-calls/shared/contract-bench";
import { versionOf } from "../../bench/report.ts";
import { freePort, startTestSystem } from "../../local/index.ts";

const CLIENTS = 64;
const SECONDS = Number(process.env["ORDERS_SECONDS"] ?? 10);
const SAMPLING_US = 500;

/** By the path of a source file, the first that matches. Node's own code counts for the code that called it. */
const GROUPS: readonly (readonly [string, RegExp])[] = [
  ["table storage: SDK", /@azure[+/](data-tables|core-|logger|abort)|ts-http-runtime|shared\/storage/],
  ["outbox", /shared\/outbox/],
  ["token", /@azure[+/](identity|msal)|shared\/identity/],
  ["HTTP client", /node_modules\/(axios|cockatiel)|shared\/(service-client|in-time)/],
  ["authorization", /node_modules\/jose|shared\/authorization/],
  ["host: worker and @azure/functions", /@azure[+/]functions|node_modules\/cookie|local\/host|deps\/undici/],
  ["functions of the app", /caller-func\/src|shared\/|valibot/],
];
const OTHER = "Node: events, sockets, TLS";

export const bench: Bench = async (progress) => {
  await using started = new AsyncDisposableStack();
  const inspectPort = await freePort();
  const system = started.adopt(
    await startTestSystem({ withApps: false, inspectPorts: { "caller-func": inspectPort } }),
    (running) => running.stop(),
  );
  const sku = (client: number): string => `sku-${client}`;
  const stock = Object.fromEntries(Array.from({ length: CLIENTS }, (_, client) => [sku(client), 1_000_000]));
  await system.startApp("callee-func", { INITIAL_STOCK: JSON.stringify(stock) });
  await system.startApp("caller-func");
  const statuses = new Map<number, number>();
  const load = async (seconds: number): Promise<void> => {
    const end = performance.now() + seconds * 1000;
    const client = async (_: unknown, number: number): Promise<void> => {
      while (performance.now() < end) {
        const response = await fetch(`${system.endpoints.caller}/api/orders`, {
          method: "POST",
          body: JSON.stringify({ sku: sku(number), quantity: 1 }),
        });
        await response.arrayBuffer();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  };
  progress("Warm-up ...");
  await load(SECONDS / 2);
  statuses.clear();
  progress(`${CLIENTS} clients for ${SECONDS} s ...`);
  const profile = await profileOf(inspectPort, () => load(SECONDS));
  const orders = statuses.get(201) ?? 0;
  const all = [...statuses.values()].reduce((sum, count) => sum + count, 0);
  const times = timesOf(profile);
  const busy = [...times.values()].reduce((sum, time) => sum + time, 0);
  const share = (time: number): string =>
    `${((100 * time) / busy).toFixed(1)} %; ${(time / all / 1000).toFixed(2)} ms an order`;
  return {
    title: "POST /api/orders",
    statistic: "one run",
    figures: {
      [`${CLIENTS} clients`]: `${(orders / SECONDS).toFixed(0)} orders/s reserved; ${all - orders} of ${all} other responses`,
      ...Object.fromEntries([...times].sort(([, a], [, b]) => b - a).map(([group, time]) => [group, share(time)])),
    },
    ratios: [
      {
        name: "outbox and functions of the app / all",
        value: ((times.get("outbox") ?? NaN) + (times.get("functions of the app") ?? NaN)) / busy,
        atMost: 0.1,
      },
    ],
    notes: [
      `Azurite ${versionOf("azurite")}; each client orders an SKU of its own. Shares: of the processor time of the caller's process, by a CPU profile with a sample each ${SAMPLING_US} µs. Node's own code counts for the code that called it. The callee authorizes in its own process.`,
    ],
  };
};

/** The CPU profile of the process with this inspector, in the form of `node --cpu-prof`, while the work is done. */
async function profileOf(port: number, work: () => Promise<void>): Promise<Profiler.Profile> {
  const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
    readonly webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? "");
  await once(socket, "open");
  let id = 0;
  const send = async (method: string, params = {}): Promise<unknown> => {
    socket.send(JSON.stringify({ id: ++id, method, params }));
    const [{ data }] = (await once(socket, "message")) as [{ readonly data: string }];
    return (JSON.parse(data) as { readonly result: unknown }).result;
  };
  try {
    await send("Profiler.enable");
    await send("Profiler.setSamplingInterval", { interval: SAMPLING_US });
    await send("Profiler.start");
    await work();
    return ((await send("Profiler.stop")) as { readonly profile: Profiler.Profile }).profile;
  } finally {
    socket.close();
  }
}

/** The processor time of each group, in microseconds. */
function timesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Map<string, number> {
  const groups = new Map<number, string>();
  const sourceOf = sourceFinder();
  // A node comes after its parent.
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  for (const { id, callFrame } of nodes) {
    const source = sourceOf(callFrame);
    const own = GROUPS.find(([, pattern]) => pattern.test(source))?.[0];
    const inherited = groups.get(parents.get(id) ?? -1) ?? OTHER;
    groups.set(id, callFrame.functionName === "(garbage collector)" ? "garbage collection" : (own ?? inherited));
  }
  const idle = new Set(nodes.filter(({ callFrame }) => callFrame.functionName === "(idle)").map(({ id }) => id));
  const times = new Map(GROUPS.map(([group]) => [group, 0]));
  samples.forEach((id, i) => {
    const group = groups.get(id) ?? OTHER;
    if (!idle.has(id)) times.set(group, (times.get(group) ?? 0) + (timeDeltas[i] ?? 0));
  });
  return times;
}

/** Finds the source file of a function: that of a bundle by its source map. */
function sourceFinder(): (frame: Profiler.ProfileNode["callFrame"]) => string {
  const maps = new Map<string, SourceMap | undefined>();
  return ({ url, lineNumber, columnNumber }) => {
    if (!url.startsWith("file:")) return url;
    const file = `${fileURLToPath(url)}.map`;
    if (!maps.has(file)) {
      const payload = existsSync(file) && (JSON.parse(readFileSync(file, "utf8")) as SourceMapPayload);
      maps.set(file, payload ? new SourceMap(payload) : undefined);
    }
    const entry = maps.get(file)?.findEntry(lineNumber, columnNumber);
    return entry !== undefined && "originalSource" in entry ? entry.originalSource : url;
  };
}
