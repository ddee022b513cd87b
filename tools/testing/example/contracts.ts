/** The example's contracts, and what its apps register. */
import type { ServiceContract } from "@restricted-calls/shared/contract";

const http = (method: string, route: string, authLevel: string): object[] => [
  { type: "httpTrigger", direction: "in", authLevel, methods: [method], route, name: "httpTrigger" },
  { type: "http", direction: "out", name: "$return" },
];

export const contracts: Readonly<Record<string, ServiceContract>> = {
  "callee-func": {
    operations: [
      {
        id: "health",
        method: "GET",
        route: "/api/health",
        access: "public",
        sample: () => ({ path: "/api/health", status: 200 }),
      },
      {
        id: "get-record",
        method: "GET",
        route: "/api/records/{id}",
        access: "token",
        role: "Records.Read",
        sample: () => ({ path: "/api/records/first", status: 200 }),
      },
      {
        id: "write-entry",
        method: "PUT",
        route: "/api/entries/{entryId}",
        access: "token",
        role: "Records.Write",
        after: ["set-record"],
        sample: (unique) => ({ path: `/api/entries/verify-${unique}`, body: { record: "verify" }, status: 201 }),
      },
      {
        id: "set-record",
        method: "PUT",
        route: "/api/records/{id}",
        access: "token",
        role: "Records.Manage",
        sample: () => ({ path: "/api/records/verify", body: { value: 1 }, status: 200 }),
      },
    ],
  },
  "caller-func": {
    operations: [
      {
        id: "list-work",
        method: "GET",
        route: "/api/work",
        access: "function-key",
        sample: () => ({ path: "/api/work", status: 200 }),
      },
      {
        id: "submit-work",
        method: "POST",
        route: "/api/work",
        access: "function-key",
        sample: (unique) => ({ path: "/api/work", body: { workId: `verify-${unique}` }, status: 201 }),
      },
      { id: "get-work", method: "GET", route: "/api/work/{workId}", access: "function-key" },
      { id: "retry-work", method: "POST", route: "/api/work/{workId}/retry", access: "function-key" },
    ],
    positiveCall: {
      operation: "submit-work",
      outcome: {
        operation: "get-work",
        path: (unique) => `/api/work/verify-${unique}`,
        read: (body, unique) => {
          const work = typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
          const { workId, state: name } = work;
          if (workId !== `verify-${unique}` || typeof name !== "string") return null;
          return { name, is: name === "done" || name === "pending" ? name : "failed" };
        },
      },
    },
  },
};

/** The bindings of each app's functions, by function. */
export const functions: Readonly<Record<string, Readonly<Record<string, object[]>>>> = {
  "callee-func": {
    getRecord: http("GET", "records/{id}", "anonymous"),
    health: http("GET", "health", "anonymous"),
    setRecord: http("PUT", "records/{id}", "anonymous"),
    writeEntry: http("PUT", "entries/{entryId}", "anonymous"),
  },
  "caller-func": {
    deliverWork: [{ type: "timerTrigger", direction: "in", schedule: "%DELIVERY_SCHEDULE%", name: "timerTrigger" }],
    getWork: http("GET", "work/{workId}", "function"),
    listWork: http("GET", "work", "function"),
    retryWork: http("POST", "work/{workId}/retry", "function"),
    submitWork: http("POST", "work", "function"),
  },
};
