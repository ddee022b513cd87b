// The leases for the workers of a run.
import type { Marker } from "./markers.ts";
import { type Lease, LEASE_MS, type MessageStore } from "./message-store.ts";

/** Messages that one query and one transaction lease: what eight workers deliver in a lease even from a slow service. */
const BATCH_SIZE = 40;

export interface LeaseQueue<Payload> {
  /** A leased message; undefined if nothing more is due, or `mayBegin` says so. */
  next(): Promise<Lease<Payload> | undefined>;
  /** Gives all leases back that `next` has not returned, due now. */
  close(): Promise<void>;
  /** The partitions in which a message was pending, due or not. */
  readonly used: ReadonlySet<string>;
}

export interface LeaseQueueOptions {
  /** The partitions to lease from, each with its marker. */
  readonly partitions: ReadonlyMap<string, Marker | undefined>;
  /** How long a lease must last to be returned, in milliseconds. */
  readonly neededMs: number;
  readonly mayBegin: () => boolean;
}

/** Leases the due messages of these partitions, a batch from each in turn, in random order: several instances spread. */
export function createLeaseQueue<Payload>(
  store: MessageStore<Payload>,
  { partitions, neededMs, mayBegin }: LeaseQueueOptions,
): LeaseQueue<Payload> {
  const left = shuffled([...partitions.keys()]);
  const used = new Set<string>();
  let leased: readonly Lease<Payload>[] = [];
  let refilling: Promise<void> | undefined;

  async function refill(): Promise<void> {
    const partition = left.shift();
    if (partition === undefined) return;
    const until = new Date(store.now().getTime() + LEASE_MS);
    const found = await store.lease(partition, until, BATCH_SIZE, partitions.get(partition));
    leased = found.leases;
    if (!found.isEmpty) used.add(partition);
    if (found.mayHaveMore) left.push(partition);
  }

  const once = (work: () => Promise<void>): Promise<void> =>
    (refilling ??= work().finally(() => {
      refilling = undefined;
    }));

  /** The leases that are too short now: their messages are due again. */
  async function giveBack(): Promise<void> {
    const short = leased;
    leased = [];
    await store.release(short, store.now());
    for (const { message } of short) {
      const partition = store.partitionOf(message.id);
      if (!left.includes(partition)) left.push(partition);
    }
  }

  return {
    used,

    async next() {
      for (;;) {
        while (leased.length === 0 && (left.length > 0 || refilling !== undefined)) await once(refill);
        const [lease, ...others] = leased;
        if (lease === undefined || !mayBegin()) return undefined;
        if (lease.until.getTime() - store.now().getTime() > neededMs) {
          leased = others;
          return lease;
        }
        await once(giveBack);
      }
    },

    close: () => store.release(leased, store.now()),
  };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
