/** The local system as a source: plans the matrix, and makes its calls on a test bed. */
import type { Endpoints } from "../../local/index.ts";
import { callerKindsOf } from "../model/callers.ts";
import { everyOperation } from "../model/operations.ts";
import { allOriginsOf } from "../model/origins.ts";
import type { Source } from "../model/plan.ts";
import { apiNames } from "@restricted-calls/shared/access-policy";
import { policy } from "../model/policy.ts";
import { makeCall, prepareCalls } from "./calls.ts";
import { matrixOf } from "./matrix.ts";
import { startTestBed, type TestBed } from "./test-bed.ts";

export interface LocalOptions {
  /** Where a running local system has its `endpoints.json`. Without a running system, one is started. */
  readonly folder: string;
  /** Starts a system under this host, even if another one is running. */
  readonly host?: Endpoints["host"] | undefined;
  readonly signal?: AbortSignal;
}

const services = apiNames(policy);

/** Keeps two cores busy without long waits. */
const CONCURRENCY = 8;

/** @param options `note` is told which system is used, and why */
export function localSource(options: LocalOptions & { readonly note: (line: string) => void }): Source {
  let testBed: TestBed | undefined;
  const started = (): TestBed => {
    if (testBed === undefined) throw new Error("Call start() first.");
    return testBed;
  };
  return {
    calls: matrixOf(policy).map((call) => ({ ...call, make: () => makeCall(call, started(), policy) })),
    checks: [],
    concurrency: CONCURRENCY,
    async start() {
      testBed = await startTestBed(policy, options);
      await prepareCalls(testBed);
    },
    describe: () =>
      Promise.resolve({
        target: started().target,
        policy,
        origins: allOriginsOf(policy, services),
        callers: callerKindsOf(policy, services),
        operations: services.flatMap(everyOperation),
      }),
    stop: async () => testBed?.stop(),
  };
}
