/** The readings of `npm run chaos`: how they are sent, and how they ended. */
import type { ChaosMessage, ChaosOutcome, ServiceChaos } from "@restricted-calls/shared/contract-chaos";

interface Reading {
  readonly meter: string;
  readonly value: number;
}

type Sent = Omit<ChaosOutcome, "content"> & Reading;

interface Page {
  readonly readings: readonly Sent[];
  readonly continuationToken?: string;
}

const UNKNOWN = "no-such-meter";

export const chaos: ServiceChaos<Reading> = {
  sends: {
    messages: (count, random) =>
      Array.from({ length: count }, (_, i) => {
        // One in ten is refused.
        const meter = i % 10 === 9 ? UNKNOWN : "house";
        const message = messageOf(`chaos-${i}`, { meter, value: Math.floor(random() * 1000) });
        return { ...message, ends: meter === UNKNOWN ? "refused" : "done" };
      }),

    afterwards: (index) => messageOf(`after-${index}`, { meter: "barn", value: index }),

    async outcomes(get) {
      const sent: Sent[] = [];
      let query: string | undefined = "";
      while (query !== undefined) {
        const { readings, continuationToken: token } = (await get(`/api/readings${query}`)) as Page;
        sent.push(...readings);
        query = token === undefined ? undefined : `?continuationToken=${encodeURIComponent(token)}`;
      }
      return sent.map(({ meter, value, ...outcome }) => ({ ...outcome, content: { meter, value } }));
    },
  },
};

function messageOf(id: string, content: Reading): ChaosMessage<Reading> {
  return {
    ...{ id, content, method: "PUT", path: `/api/readings/${id}`, body: content },
    promises: { 201: "done", 202: "pending", 409: "refused" },
  };
}
