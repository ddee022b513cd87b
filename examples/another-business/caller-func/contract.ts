/** What tools must know about the caller: its operations, and readings that cross the restricted call. */
import type { ContractOf, Demo } from "@restricted-calls/shared/contract";
import { chaos } from "./chaos.ts";

const reading = (id: string) => ({ path: `/api/readings/${id}`, body: { meter: "house", value: 42 } });

export default {
  operations: [
    {
      id: "list-sent",
      method: "GET",
      route: "/api/readings",
      access: "function-key",
      sample: () => ({ path: "/api/readings", status: 200 }),
    },
    {
      id: "send-reading",
      method: "PUT",
      route: "/api/readings/{id}",
      access: "function-key",
      sample: (unique) => ({ ...reading(`verify-${unique}`), status: 201 }),
    },
    { id: "get-sent", method: "GET", route: "/api/readings/{id}", access: "function-key" },
    { id: "retry-reading", method: "POST", route: "/api/readings/{id}/retry", access: "function-key" },
  ],

  commands: (origin) => [
    {
      title: "A reading crosses the restricted call",
      command: `curl -i -X PUT ${origin}/api/readings/r-1 -H 'Content-Type: application/json' -d '{"meter": "house", "value": 42}'`,
    },
  ],

  show: showReadings,

  positiveCall: {
    operation: "send-reading",
    outcome: {
      operation: "get-sent",
      path: (unique) => reading(`verify-${unique}`).path,
      read: (body, unique) => {
        const { id, state: name } = Object(body) as { readonly id?: unknown; readonly state?: unknown };
        if (id !== `verify-${unique}` || typeof name !== "string") return null;
        return { name, is: name === "done" || name === "pending" ? name : "failed" };
      },
    },
  },

  chaos,
} satisfies ContractOf<"caller-func">;

/** Readings that are delivered at once, and after the callee was down. */
async function showReadings({ origin, show, showLater, start, stop }: Demo): Promise<void> {
  const call = async (id: string, method: "GET" | "PUT"): Promise<string> => {
    const { path, body } = reading(id);
    const response = await fetch(`${origin}${path}`, { method, body: method === "PUT" ? JSON.stringify(body) : null });
    const { state } = (await response.json()) as { readonly state?: string };
    return `${response.status} ${state ?? ""}`;
  };
  await show("a reading sent over HTTP", "201 done", () => call("r-1", "PUT"));
  await stop("callee-func");
  await show("a reading sent while the callee is down", "202 pending", () => call("r-2", "PUT"));
  await start("callee-func");
  await showLater("... is delivered by the timer", "200 done", () => call("r-2", "GET"));
}
