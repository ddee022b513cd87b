// The leases for the workers of a run.
import type { Lease, MessageStore } from "./message-store.ts";
import { LEASE_MS } from "./message-store.ts";

/** Messages that one query and one transaction lease, all delivered well within a lease. */
const BATCH_SIZE = 40;

export interface LeaseQueue<Payload> {
  /** A leased message; undefined if nothing more is due. */
  next(): Promise<Lease<Payload> | undefined>;
  /** Gives a lease back, due now; it may come again. */
  giveBack(lease: Lease<Payload>): Promise<void>;
  /** Gives all leases back that `next` has not returned. */
  close(): Promise<void>;
}

/** Leases the due messages of these partitions, a batch from each in turn, in random order: several instances spread. */
export function createLeaseQueue<Payload>(
  store: MessageStore<Payload>,
  partitions: readonly string[],
): LeaseQueue<Payload> {
  const left = shuffled(partitions);
  const leased: Lease<Payload>[] = [];
  let refilling: Promise<void> | undefined;

  async function refill(): Promise<void> {
    const partition = left.shift();
    if (partition === undefined) return;
    const now = new Date();
    const until = new Date(now.getTime() + LEASE_MS);
    const { leases, mayHaveMore } = await store.lease(partition, now, until, BATCH_SIZE);
    leased.push(...leases);
    if (mayHaveMore) left.push(partition);
  }

  return {
    async next() {
      while (leased.length === 0 && (left.length > 0 || refilling !== undefined)) {
        refilling ??= refill().finally(() => {
          refilling = undefined;
        });
        await refilling;
      }
      return leased.shift();
    },

    async giveBack(lease) {
      await store.release([lease], new Date());
      const partition = store.partitionOf(lease.message.id);
      if (!left.includes(partition)) left.push(partition);
    },

    close: () => store.release(leased.splice(0), new Date()),
  };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
