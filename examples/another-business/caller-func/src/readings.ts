// The readings: what a reading is, and what the callee's responses mean for it.
import { identifier } from "@restricted-calls/shared/identifier";
import type { Destination, Message } from "@restricted-calls/shared/outbox";
import type { ServiceClient } from "@restricted-calls/shared/service-client";
import * as v from "valibot";

export const reading = v.strictObject({
  meter: identifier,
  value: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000_000)),
});

export type Reading = v.InferOutput<typeof reading>;

const recorded = v.object({ id: v.string(), ...reading.entries });

/** The callee, as readings are delivered to it. */
export function metersAt(callee: ServiceClient): Destination<Reading> {
  return {
    client: callee,
    request: ({ id, payload: { meter, value } }) => ({
      method: "PUT",
      path: `/api/meters/${meter}/readings/${id}`,
      body: { value },
    }),
    isDone: ({ id, payload }, body) =>
      v.is(recorded, body) && body.id === id && body.meter === payload.meter && body.value === payload.value,
    refusalCodes: ["unknown-meter", "reading-conflict"],
  };
}

/** A reading as clients see it. */
export function readingView({ id, payload, state, reason, attempts, history }: Message<Reading>): object {
  return { id, ...payload, state, reason, attempts, history };
}
