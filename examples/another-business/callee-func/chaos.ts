/** The readings after `npm run chaos`: each delivered one is recorded once, with its value. */
import type { ServiceChaos } from "@restricted-calls/shared/contract-chaos";

interface Reading {
  readonly meter: string;
  readonly value: number;
}

type Recorded = Reading & { readonly id: string };

export const chaos: ServiceChaos<Reading, readonly Recorded[]> = {
  receives: {
    read: async ({ rows }) =>
      (await rows("readings")).map(({ partitionKey, rowKey, value }) => ({
        meter: String(partitionKey),
        id: String(rowKey),
        value: Number(value),
      })),

    failures: (done, recorded) => [
      ...done.flatMap(({ id, content }) => {
        const found = recorded.filter((reading) => reading.id === id);
        if (found.length !== 1) return [`${id} is done, and recorded ${found.length} times`];
        const isSame = found[0]?.meter === content.meter && found[0].value === content.value;
        return isSame ? [] : [`${id} is recorded with another meter or value`];
      }),
      ...recorded
        .filter(({ id }) => !done.some((message) => message.id === id))
        .map(({ id }) => `${id} is recorded, but not done`),
    ],
  },
};
