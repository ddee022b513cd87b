/** Measures reservations of one SKU by many callers at once, through the real app and table storage. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Bench } from "@restricted-calls/shared/contract-bench";
import { versionOf } from "../../bench/report.ts";
import { certificatesOf, startFaultyProxy } from "../../chaos/faulty-proxy.ts";
import { mintToken, readLocalSettings, startTestSystem } from "../../local/index.ts";

/** Callers at once. Each makes its next reservation when it has the response to the one before. */
const CALLERS = [1, 8, 32, 64, 128] as const;
const SECONDS = Number(process.env["INVENTORY_SECONDS"] ?? 5);

/** A refused caller tries again with the next reservation after this time. */
const PAUSE_MS = 20;

interface Measured {
  readonly callers: number;
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
  await system.startApp("callee-func", {
    INVENTORY_TABLE_ENDPOINT: endpoint.replace(/:\d+/, `:${proxy.port}`),
    INITIAL_STOCK: JSON.stringify(Object.fromEntries(CALLERS.map((callers) => [skuOf(callers), 1_000_000]))),
  });
  const token = await mintToken(system.endpoints.entra.control, {});
  const reserve = async (sku: string, orderId: string): Promise<number> => {
    const response = await fetch(`${system.endpoints.callee.callerSubnet}/api/reservations/${orderId}`, {
      method: "PUT",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ sku, quantity: 1 }),
    });
    await response.arrayBuffer();
    return response.status;
  };

  const measured: Measured[] = [];
  for (let i = 0; i < 20; i++) await reserve(skuOf(1), `warm-up-${i}`);
  for (const callers of CALLERS) {
    progress(`${callers} callers ...`);
    const before = storage.requests;
    const counts = { reserved: 0, refused: 0 };
    const began = performance.now();
    const call = async (_: unknown, caller: number): Promise<void> => {
      for (let i = 0; performance.now() < began + SECONDS * 1000; i++) {
        const status = await reserve(skuOf(callers), `of-${callers}-${caller}-${i}`);
        if (status === 201) counts.reserved++;
        else {
          counts.refused++;
          await delay(PAUSE_MS);
        }
      }
    };
    await Promise.all(Array.from({ length: callers }, call));
    const seconds = (performance.now() - began) / 1000;
    measured.push({ callers, seconds, ...counts, storageRequests: storage.requests - before });
  }
  return reportOf(measured);
};

const skuOf = (callers: number): string => `sku-${callers}`;

function reportOf(measured: readonly Measured[]): Awaited<ReturnType<Bench>> {
  const [alone] = measured;
  const rateOf = ({ reserved, seconds }: Measured): number => reserved / seconds;
  const requestsOf = ({ storageRequests, reserved }: Measured): number => storageRequests / reserved;
  const refusedOf = ({ refused, reserved }: Measured): number => refused / (refused + reserved);
  return {
    title: "Reservations of one SKU",
    statistic: "one run",
    figures: Object.fromEntries(
      measured.map((one) => [
        `${one.callers} ${one.callers === 1 ? "caller" : "callers"} at once`,
        `${rateOf(one).toFixed(0)} reservations/s; ${requestsOf(one).toFixed(1)} storage requests each; ` +
          `${(100 * refusedOf(one)).toFixed(1)} % refused`,
      ]),
    ),
    ratios: measured.slice(1).flatMap((one) => [
      { name: `reservations: ${one.callers} callers / 1`, value: rateOf(one) / (alone ? rateOf(alone) : NaN) },
      {
        name: `storage requests of a reservation: ${one.callers} callers / 1`,
        value: requestsOf(one) / (alone ? requestsOf(alone) : NaN),
      },
    ]),
    notes: [
      `Azurite ${versionOf("azurite")}; ${SECONDS} s for each number of callers. Each caller makes its next reservation after the response to the one before, and pauses ${PAUSE_MS} ms after a refusal.`,
    ],
  };
}
