/** Measures recording by many callers at once, through the real app and table storage. */
import type { Bench } from "@restricted-calls/shared/contract-bench";
import { mintToken, startTestSystem } from "../../local/index.ts";

const CALLERS = 32;
const SECONDS = 3;

export const bench: Bench = async (progress) => {
  await using started = new AsyncDisposableStack();
  const system = started.adopt(await startTestSystem(), (running) => running.stop());
  const token = await mintToken(system.endpoints.entra.control, {});
  /** Readings in a second. */
  const rate = async (callers: number): Promise<number> => {
    progress(`${callers} at once ...`);
    let recorded = 0;
    const ends = performance.now() + SECONDS * 1000;
    const call = async (_: unknown, caller: number): Promise<void> => {
      while (performance.now() < ends) {
        const id = `of-${callers}-${caller}-${recorded}`;
        const response = await fetch(`${system.endpoints.callee.callerSubnet}/api/meters/barn/readings/${id}`, {
          method: "PUT",
          headers: { Authorization: `Bearer ${token}` },
          body: '{"value":1}',
        });
        if (response.ok) recorded++;
      }
    };
    await Promise.all(Array.from({ length: callers }, call));
    return recorded / SECONDS;
  };
  const [alone, together] = [await rate(1), await rate(CALLERS)];
  return {
    title: "Readings of one meter",
    statistic: "one run",
    figures: {
      "1 caller": `${alone.toFixed(0)} readings/s`,
      [`${CALLERS} callers at once`]: `${together.toFixed(0)} readings/s`,
    },
    ratios: [{ name: `readings: ${CALLERS} callers / 1`, value: together / alone, atLeast: 1 }],
    notes: [`${SECONDS} s for each.`],
  };
};
