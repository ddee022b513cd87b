/** Measures reservations of one SKU by many callers at once, through the real app and table storage. */
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Bench, Compared } from "@restricted-calls/shared/contract-bench";
import { versionOf } from "../../bench/report.ts";
import { certificatesOf, startFaultyProxy } from "../../chaos/faulty-proxy.ts";
import { appInstance, freePort, mintToken, readLocalSettings, startTestSystem } from "../../local/index.ts";

/** Each caller makes its next reservation when it has the response to the one before. Only one process is behind a front end. */
const CASES = [
  { callers: 1, processes: 1 },
  { callers: 8, processes: 1 },
  { callers: 32, processes: 1 },
  { callers: 64, processes: 1 },
  { callers: 128, processes: 1 },
  { callers: 200, processes: 1 },
  { callers: 128, processes: 4 },
] as const;
type Case = (typeof CASES)[number];

const SECONDS = Number(process.env["INVENTORY_SECONDS"] ?? 5);

/** A refused caller tries again with the next reservation after this time. */
const PAUSE_MS = 20;

interface Measured {
  readonly of: Case;
  readonly seconds: number;
  readonly reserved: number;
  /** Responses without a reservation, such as 503 `busy`. */
  readonly refused: number;
  readonly storageRequests: number;
}

export const bench: Bench = async (progress) => {
  await using started = new AsyncDisposableStack();
  const system = started.adopt(await startTestSystem({ withApps: false }), (running) => running.stop());
  const storage = { requests: 0 };
  const settings = readLocalSettings(join(system.folder, "callee-func.settings.json")).Values;
  const endpoint = settings["INVENTORY_TABLE_ENDPOINT"] ?? "";
  const proxy = started.adopt(
    await startFaultyProxy({
      targets: [Number(new URL(endpoint).port)],
      tls: await certificatesOf(system.folder),
      interfere: () => {
        storage.requests++;
        return { kind: "none" };
      },
    }),
    (running) => running.stop(),
  );
  const changes = {
    INVENTORY_TABLE_ENDPOINT: endpoint.replace(/:\d+/, `:${proxy.port}`),
    INITIAL_STOCK: JSON.stringify(Object.fromEntries(CASES.map((of) => [skuOf(of), 1_000_000]))),
  };
  /** Starts an instance of the app in its own processes, and resolves to its address. */
  const startInstance = async (_: unknown, index: number): Promise<string> => {
    const port = await freePort();
    const instance = appInstance(
      {
        appFolder: join(system.folder, "apps", "callee-func"),
        port,
        settings: { ...settings, ...changes },
        stateFolder: join(system.folder, "state", `callee-func-${index}`),
      },
      () => undefined,
    );
    started.defer(() => instance.kill());
    await instance.start();
    return `http://127.0.0.1:${port}`;
  };
  const token = await mintToken(system.endpoints.entra.control, {});
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  // Not by fetch, which costs as much as the app itself.
  const reserve = (origin: string, sku: string, orderId: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request(`${origin}/api/reservations/${orderId}`, { method: "PUT", headers }, (response) => {
        response.resume().on("end", () => {
          resolve(response.statusCode);
        });
      })
        .on("error", reject)
        .end(JSON.stringify({ sku, quantity: 1 }));
    });

  const measure = async (of: Case, origins: readonly string[]): Promise<Measured> => {
    progress(`${nameOf(of)} ...`);
    const before = storage.requests;
    const counts = { reserved: 0, refused: 0 };
    const began = performance.now();
    const call = async (_: unknown, caller: number): Promise<void> => {
      const origin = origins[caller % origins.length] ?? "";
      for (let i = 0; performance.now() < began + SECONDS * 1000; i++) {
        const status = await reserve(origin, skuOf(of), `${skuOf(of)}-${caller}-${i}`);
        if (status === 201) counts.reserved++;
        else {
          counts.refused++;
          await delay(PAUSE_MS);
        }
      }
    };
    await Promise.all(Array.from({ length: of.callers }, call));
    const seconds = (performance.now() - began) / 1000;
    return { of, seconds, ...counts, storageRequests: storage.requests - before };
  };

  const measured: Measured[] = [];
  const warmUp = async (origin: string): Promise<void> => {
    for (let i = 0; i < 20; i++) await reserve(origin, skuOf(CASES[0]), `warm-up-${i}`);
  };
  await system.startApp("callee-func", changes);
  await warmUp(system.endpoints.callee.callerSubnet);
  for (const of of CASES.filter(({ processes }) => processes === 1)) {
    measured.push(await measure(of, [system.endpoints.callee.callerSubnet]));
  }
  await system.stopApp("callee-func");
  for (const of of CASES.filter(({ processes }) => processes > 1)) {
    const origins = await Promise.all(Array.from({ length: of.processes }, startInstance));
    await Promise.all(origins.map(warmUp));
    measured.push(await measure(of, origins));
  }
  return reportOf(measured);
};

const skuOf = ({ callers, processes }: Case): string => `sku-${callers}-${processes}`;

function nameOf({ callers, processes }: Case): string {
  const many = callers === 1 ? "1 caller" : `${callers} callers`;
  return processes === 1 ? many : `${many}, ${processes} processes`;
}

function reportOf(measured: readonly Measured[]): Awaited<ReturnType<Bench>> {
  const of = (callers: number, processes: number): Figures => {
    const found = measured.find(({ of }) => of.callers === callers && of.processes === processes);
    return figuresOf(found ?? { seconds: 0, reserved: 0, refused: 0, storageRequests: 0 });
  };
  const [alone, many, most, spread] = [of(1, 1), of(128, 1), of(200, 1), of(128, 4)];
  return {
    title: "Reservations of one SKU",
    statistic: "one run",
    figures: Object.fromEntries(
      measured.map((one) => {
        const { rate, requests, refused } = figuresOf(one);
        return [
          nameOf(one.of),
          `${inWords(rate)}; ${requests.toPrecision(2)} storage requests each; ${(100 * refused).toFixed(1)} % refused`,
        ];
      }),
    ),
    ratios: [
      { name: "reservations/s: 128 callers / one by one (1 caller)", value: many.rate / alone.rate, atLeast: 8 },
      { name: "storage requests of a reservation: 1 caller", value: alone.requests, atMost: 2.05 },
      { name: "storage requests of a reservation: 128 callers", value: many.requests, atMost: 0.15 },
      { name: "refused: 200 callers", value: most.refused, atMost: 0 },
      { name: "refused: 128 callers, 4 processes", value: spread.refused, atMost: 0 },
    ],
    notes: [
      `Azurite ${versionOf("azurite")}; ${SECONDS} s for each number of callers. Each caller makes its next reservation after the response to the one before, and pauses ${PAUSE_MS} ms after a refusal.`,
    ],
    pictured: [
      {
        title: "Reservations of one SKU: a second divided by their number",
        ours: compared("ours: 128 callers at once", many),
        others: [compared("one by one", alone)],
      },
    ],
  };
}

function compared(name: string, { rate }: Figures): Compared {
  return { name, figure: inWords(rate), nanoseconds: 1e9 / rate };
}

function inWords(rate: number): string {
  return `${rate.toFixed(0)} reservations/s`;
}

interface Figures {
  /** Reservations per second. */
  readonly rate: number;
  /** Storage requests of a reservation. */
  readonly requests: number;
  /** The share of calls. */
  readonly refused: number;
}

function figuresOf({ seconds, reserved, refused, storageRequests }: Omit<Measured, "of">): Figures {
  return { rate: reserved / seconds, requests: storageRequests / reserved, refused: refused / (refused + reserved) };
}
