/** Makes the calls of the matrix on the test bed. */
import { attacks } from "@restricted-calls/shared/testing/attacks";
import { reasonOf } from "../../tools/command-line.ts";
import { callersOf } from "../model/callers.ts";
import { exchange } from "../model/exchange.ts";
import { everyOperation, hostCallOf, preparationsOf, sampleCallOf } from "../model/operations.ts";
import { observedIn } from "../model/outcomes.ts";
import type { Call, Observation } from "../model/plan.ts";
import { apiNames, type Policy } from "@restricted-calls/shared/access-policy";
import type { Operation } from "../model/report.ts";
import { attackCredentials, type Credentials, credentialsFor } from "./credentials.ts";
import type { TestBed } from "./test-bed.ts";

/** Makes one call. A call without a response differs. */
export async function makeCall(call: Call, testBed: TestBed, policy: Policy): Promise<Observation> {
  try {
    const operation = apiNames(policy)
      .flatMap(everyOperation)
      .find(({ id }) => id === call.operation);
    if (operation === undefined) throw new Error(`there is no operation ${call.operation}`);
    const isHosts = operation.by === "host";
    const { path, body } = isHosts ? hostCallOf(operation) : sampleCallOf(operation.id, testBed.unique());
    const service = testBed.services[operation.service];
    const origin = service?.[isHosts ? "hostFrontEnds" : "frontEnds"][call.layers][call.origin];
    if (origin === undefined) throw new Error(`there is no front end for ${call.origin}`);
    const credentials = await credentialsOf(call, operation.service, testBed, policy);
    return await send(`${origin}${path}`, operation, body, credentials);
  } catch (error) {
    return { actual: null, exchanges: [], note: `No response: ${reasonOf(error)}.`, different: true };
  }
}

/** Creates what the calls need, behind the guard: whether the guard lets anyone in is still to be tested. */
export async function prepareCalls(testBed: TestBed): Promise<void> {
  for (const [service, { unprotected }] of Object.entries(testBed.services)) {
    for (const operation of preparationsOf(service)) {
      const { path, body, status } = sampleCallOf(operation.id, testBed.unique());
      const { actual } = await send(`${unprotected}${path}`, operation, body, { authorization: null });
      if (actual?.status === status) continue;
      throw new Error(
        `Could not prepare test data: ${operation.method} ${path} returned ${actual?.status ?? "no response"}.`,
      );
    }
  }
}

function credentialsOf(
  call: Call,
  service: string,
  { endpoints, masterKey }: TestBed,
  policy: Policy,
): Promise<Credentials> {
  const attack = attacks.find(({ name }) => name === call.attack);
  const [firstCaller] = Object.keys(policy.services[service]?.callers ?? {});
  if (attack !== undefined) return attackCredentials(attack, service, endpoints, firstCaller);
  const caller = callersOf(policy, service).find(({ id }) => id === call.caller);
  if (caller === undefined) throw new Error(`there is no caller ${call.caller ?? "at all"}`);
  return credentialsFor(caller.token, service, endpoints, masterKey);
}

async function send(
  url: string,
  { method, by }: Pick<Operation, "method" | "by">,
  body: object | undefined,
  credentials: Credentials,
): Promise<Observation> {
  if ("refusal" in credentials) {
    return {
      actual: { refusedBy: "identity-provider", status: null, code: credentials.refusal },
      exchanges: [credentials.exchange],
      note: "No token, so no call was made. The exchange is the request for a token.",
    };
  }
  const { authorization, otherHeaders, query } = credentials;
  const response = await exchange(query === undefined ? url : `${url}?${new URLSearchParams(query).toString()}`, {
    method,
    headers: { ...otherHeaders, ...(authorization !== null && { Authorization: authorization }) },
    body,
  });
  return observedIn(response, by);
}
