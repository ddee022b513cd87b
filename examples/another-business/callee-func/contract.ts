/** What tools must know about the callee: its operations, with a call of each that succeeds. */
import type { ContractOf } from "@restricted-calls/shared/contract";
import { chaos } from "./chaos.ts";

/** A reading of the proof's own. */
const path = "/api/meters/house/readings/verify";

export default {
  operations: [
    {
      id: "health",
      method: "GET",
      route: "/api/health",
      access: "public",
      sample: () => ({ path: "/api/health", status: 200 }),
    },
    {
      id: "get-reading",
      method: "GET",
      route: "/api/meters/{meter}/readings/{id}",
      access: "token",
      role: "Readings.Read",
      after: ["record-reading"],
      sample: () => ({ path, status: 200 }),
    },
    {
      id: "record-reading",
      method: "PUT",
      route: "/api/meters/{meter}/readings/{id}",
      access: "token",
      role: "Readings.Write",
      sample: () => ({ path, body: { value: 1 }, status: 200 }),
    },
  ],

  chaos,

  bench: { readings: () => import("./bench/readings.ts") },
} satisfies ContractOf<"callee-func">;
