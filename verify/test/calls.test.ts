/** How the calls of the matrix are made. */
import "../../tools/testing/example-system.ts";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { makeCall } from "../local/calls.ts";
import { matrixOf } from "../local/matrix.ts";
import type { TestBed } from "../local/test-bed.ts";
import { policy } from "../model/policy.ts";

let server: Server;
afterEach(() => server.close());

/** Makes one call without a token to a service that responds like this, one after the other; the last one to all others. */
async function outcomeOf(...responses: readonly (readonly [status: number, retryAfter?: string])[]) {
  let calls = 0;
  server = createServer((_request, response) => {
    const [status, retryAfter] = responses[Math.min(calls, responses.length - 1)] ?? [200];
    calls++;
    response.writeHead(status, retryAfter === undefined ? {} : { "Retry-After": retryAfter }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call = matrixOf(policy).find(({ id }) => id === "both/get-record/internet/no-token");
  const frontEnds = { both: { internet: address } };
  const testBed = { services: { "callee-func": { frontEnds } }, unique: () => "1" } as unknown as TestBed;
  if (call === undefined) throw new Error("The matrix has no such call.");
  const { actual, note } = await makeCall(call, testBed, policy);
  expect(note !== null, "the report says that the service was busy").toBe(calls > 1);
  return { status: actual?.status, calls };
}

it("tries again where the service asks for it", async () => {
  expect(await outcomeOf([503, "0"], [503, "0"], [200])).toEqual({ status: 200, calls: 3 });
});

it("takes a service that always asks for it for unavailable", async () => {
  expect(await outcomeOf([503, "0"])).toEqual({ status: 503, calls: 6 });
});

it.each<[string, [number, string?]]>([
  ["does not ask for it", [503]],
  ["asks for it as late as no proof waits", [503, "60"]],
  ["asks for it in another form", [503, "Wed, 21 Oct 2026 07:28:00 GMT"]],
  ["refuses", [403, "0"]],
])("takes the first response of a service that %s", async (_, response) => {
  expect(await outcomeOf(response, [200])).toEqual({ status: response[0], calls: 1 });
});
