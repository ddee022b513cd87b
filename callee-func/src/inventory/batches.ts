// Does together what waits for the same thing in this instance.

export interface BatchOptions<Item, Result> {
  /** The largest batch, in items. */
  readonly size: number;
  /** Items with the same id are never in one batch. */
  readonly idOf: (item: Item) => string;
  /**
   * Decides each item of a batch, which leaves the set then. An error is the result of the undecided, and of all that waits for the key:
   * if storage does not respond, nothing waits for a timeout after another.
   */
  readonly work: (key: string, undecided: ReadonlySet<Item>, decide: Decide<Item, Result>) => Promise<void>;
}

type Decide<Item, Result> = (item: Item, result: Result | Promise<Result>) => void;

interface Waiting<Result> {
  readonly resolve: (result: Result | Promise<Result>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Works on one batch of a key at a time. A first item starts at once, and the next batch is what came meanwhile: nothing waits for
 * a timer. Different keys do not wait for each other.
 *
 * @returns adds an item, and resolves to its result
 */
export function createBatches<Item extends object, Result>(
  options: BatchOptions<Item, Result>,
): (key: string, item: Item) => Promise<Result> {
  const queues = new Map<string, Map<Item, Waiting<Result>>>();

  const run = async (key: string, queue: Map<Item, Waiting<Result>>): Promise<void> => {
    while (queue.size > 0) {
      const undecided = firstOf(queue.keys(), options);
      const decide: Decide<Item, Result> = (item, result) => {
        queue.get(item)?.resolve(result);
        queue.delete(item);
        undecided.delete(item);
      };
      try {
        await options.work(key, undecided, decide);
      } catch (error) {
        for (const { reject } of queue.values()) reject(error);
        queue.clear();
      }
    }
    queues.delete(key);
  };

  return (key, item) =>
    new Promise((resolve, reject) => {
      const queue = queues.get(key) ?? new Map<Item, Waiting<Result>>();
      queue.set(item, { resolve, reject });
      if (queues.has(key)) return;
      queues.set(key, queue);
      void run(key, queue);
    });
}

function firstOf<Item, Result>(items: Iterable<Item>, { size, idOf }: BatchOptions<Item, Result>): Set<Item> {
  const first = new Map<string, Item>();
  for (const item of items) {
    if (first.size === size) break;
    if (!first.has(idOf(item))) first.set(idOf(item), item);
  }
  return new Set(first.values());
}
