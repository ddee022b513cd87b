// The markers: rows that name the partitions which may have pending messages.
import type { TableClient } from "@azure/data-tables";
import { isLostRace } from "../storage/table.ts";

/** A row that says that a partition may have pending messages. */
export interface Marker {
  readonly partition: string;
  readonly etag: string;
  /** When it was last written, by the clock of storage. */
  readonly writtenAt: Date;
}

/**
 * Finding out that nothing is pending takes one query over the markers. A marker is written before the first message of its
 * partition, and removed when it is old and nothing is pending.
 */
export interface Markers {
  list(): Promise<readonly Marker[]>;
  /** Writes the marker of a partition, unless this instance has written it just now. */
  set(partition: string): Promise<void>;
  /** Writes the marker of a partition. */
  restore(partition: string): Promise<void>;
  /** Removes an old marker, unless somebody has written it meanwhile. Call it only if a query has found nothing pending. */
  remove(marker: Marker, now: Date): Promise<void>;
}

/** The partition of the markers. */
const MARKERS = "marker";

/** An instance writes a marker again after this time, in milliseconds, before it stores a message in the partition. */
const SET_AGAIN_AFTER_MS = 60_000;
/** A marker is removed after this time, in milliseconds: longer than above, and than an instance takes to store a message. */
const REMOVE_AFTER_MS = 3 * 60_000;

export function createMarkers(table: () => Promise<TableClient>): Markers {
  /** By partition, by the monotonic clock. */
  const setAt = new Map<string, number>();

  async function restore(partition: string): Promise<void> {
    const began = performance.now();
    await (await table()).upsertEntity({ partitionKey: MARKERS, rowKey: partition }, "Replace");
    setAt.set(partition, began);
  }

  return {
    restore,

    async list() {
      const markers: Marker[] = [];
      const queryOptions = { filter: `PartitionKey eq '${MARKERS}'` };
      for await (const { rowKey = "", etag, timestamp = "" } of (await table()).listEntities({ queryOptions })) {
        markers.push({ partition: rowKey, etag, writtenAt: new Date(timestamp) });
      }
      return markers;
    },

    async set(partition) {
      if (performance.now() - (setAt.get(partition) ?? -Infinity) > SET_AGAIN_AFTER_MS) await restore(partition);
    },

    async remove({ partition, etag, writtenAt }, now) {
      if (now.getTime() - writtenAt.getTime() <= REMOVE_AFTER_MS) return;
      try {
        await (await table()).deleteEntity(MARKERS, partition, { etag });
      } catch (error) {
        if (!isLostRace(error)) throw error;
      }
    },
  };
}
