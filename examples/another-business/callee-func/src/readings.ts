// The meter readings in Table storage.
import type { TableClient } from "@azure/data-tables";
import { ProblemError } from "@restricted-calls/shared/problem";
import { isLostRace, orUndefined } from "@restricted-calls/shared/storage/table";

export interface Readings {
  /** @throws ProblemError 404 `unknown-reading` */
  get(meter: string, id: string): Promise<number>;
  /**
   * Records a reading, once: the same again changes nothing.
   *
   * @throws ProblemError 404 `unknown-meter`; 409 `reading-conflict`
   */
  record(meter: string, id: string, value: number): Promise<void>;
}

/**
 * @param table opens the table
 * @param meters those that exist
 */
export function createReadings(table: () => Promise<TableClient>, meters: readonly string[]): Readings {
  const find = async (meter: string, id: string): Promise<number | undefined> =>
    (await orUndefined((await table()).getEntity<{ value: number }>(meter, id)))?.value;
  return {
    async get(meter, id) {
      const value = await find(meter, id);
      if (value === undefined) {
        throw new ProblemError({ status: 404, code: "unknown-reading", detail: `'${meter}' has no reading '${id}'.` });
      }
      return value;
    },

    async record(meter, id, value) {
      if (!meters.includes(meter)) {
        throw new ProblemError({ status: 404, code: "unknown-meter", detail: `There is no meter '${meter}'.` });
      }
      try {
        await (await table()).createEntity({ partitionKey: meter, rowKey: id, value });
      } catch (error) {
        if (!isLostRace(error)) throw error;
        if ((await find(meter, id)) === value) return;
        throw new ProblemError({ status: 409, code: "reading-conflict", detail: `Reading '${id}' has another value.` });
      }
    },
  };
}
