/** Measures the service client: the cost of a call, and the number of token requests. */
import { once } from "node:events";
import { Agent } from "node:http";
import { Worker } from "node:worker_threads";
import axios from "axios";
import { createTokenSource, managedIdentity } from "@restricted-calls/shared/identity";
import { createServiceClient } from "@restricted-calls/shared/service-client";
import { Pool } from "undici";
import { startTestStorage, type TestStorage } from "../local/index.ts";
import { measure } from "./measure.ts";
import type { Bench } from "@restricted-calls/shared/contract-bench";
import { duration, versionOf } from "./report.ts";

const body = { text: "hello", quantity: 1 };
const path = "/api/messages/message-1";

export const bench: Bench = async (progress) => {
  progress("A call ...");
  const call = await measureCall();
  await using started = new AsyncDisposableStack();
  const storage = started.adopt(await startTestStorage(), (running) => running.stop());
  progress("1,000 first calls at once ...");
  const tokenRequests = await countTokenRequests(storage);
  return {
    title: "Service client",
    statistic: "lower quartile",
    figures: {
      "a call: service client": duration(call.ours),
      "a call: bare axios, keep-alive": duration(call.axios),
      "a call: bare undici": duration(call.undici),
    },
    ratios: [
      { name: "a call: service client / bare axios", value: call.ours / call.axios, atMost: 1.15 },
      { name: "a call: service client / bare undici", value: call.ours / call.undici },
      { name: "1,000 first calls at once: token requests", value: tokenRequests, atMost: 1, atLeast: 1 },
    ],
    notes: [
      `axios ${versionOf("axios")}, undici ${versionOf("undici")}, cockatiel ${versionOf("cockatiel")}; sequential calls to a server in another thread.`,
    ],
  };
};

async function measureCall(): Promise<Record<"ours" | "axios" | "undici", number>> {
  await using started = new AsyncDisposableStack();
  const origin = `http://127.0.0.1:${await startEchoServer(started)}`;
  const pool = started.adopt(new Pool(origin), (open) => open.close());
  const headers = { Authorization: "Bearer abc.def.ghi" };
  const bare = axios.create({
    ...{ baseURL: origin, httpAgent: new Agent({ keepAlive: true }), maxRedirects: 0, proxy: false },
    validateStatus: () => true,
  });
  const ours = createServiceClient({ origin, tokens: fixedToken("abc.def.ghi") });
  const times = (call: () => Promise<unknown>) => async (count: number) => {
    for (let i = 0; i < count; i++) await call();
  };
  return await measure(
    {
      ours: times(() => ours({ method: "PUT", path, body })),
      axios: times(() => bare.request({ method: "PUT", url: path, data: body, headers })),
      undici: times(async () => {
        const json = JSON.stringify(body);
        const answer = await pool.request({
          path,
          method: "PUT",
          headers: { ...headers, "Content-Type": "application/json" },
          body: json,
        });
        return answer.body.json();
      }),
    },
    { rounds: 41, turnMs: 100 },
  );
}

/** @returns its port */
async function startEchoServer(started: AsyncDisposableStack): Promise<number> {
  const server = new Worker(new URL("echo-server.ts", import.meta.url));
  started.defer(async () => {
    await server.terminate();
  });
  const [port] = (await once(server, "message")) as [number];
  return port;
}

function fixedToken(token: string): ReturnType<typeof createTokenSource> {
  return createTokenSource(
    () => ({ getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3600_000 }) }),
    "api://bench/.default",
  );
}

async function countTokenRequests({ entra }: TestStorage): Promise<number> {
  await using started = new AsyncDisposableStack();
  const port = await startEchoServer(started);
  const [api] = entra.directory.apis;
  const [identity] = entra.directory.identities;
  const tokens = createTokenSource(() => managedIdentity(identity?.clientId), `${api?.identifierUri ?? ""}/.default`);
  const call = createServiceClient({ origin: `http://127.0.0.1:${port}`, tokens });
  const requests = async (): Promise<number> =>
    ((await (await fetch(`${entra.control}/requests`)).json()) as Record<string, number>)["managed-identity"] ?? NaN;
  const before = await requests();
  const outcomes = await Promise.all(Array.from({ length: 1000 }, () => call({ method: "PUT", path, body })));
  const failed = outcomes.find((outcome) => outcome.kind !== "response" || outcome.status !== 200);
  if (failed !== undefined) throw new Error(`One of the 1,000 calls got no response: ${JSON.stringify(failed)}`);
  return (await requests()) - before;
}
