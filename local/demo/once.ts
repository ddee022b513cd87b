/** npm start -- --once: shows allowed and refused calls on a running system. */
import { randomUUID } from "node:crypto";
import { styleText } from "node:util";
import type { Demo, Show } from "@restricted-calls/shared/contract";
import { accessPolicy } from "../../tools/access-policy.ts";
import { reasonOf } from "../../tools/command-line.ts";
import { isFirstCall } from "../../tools/contract-mistakes.ts";
import { contracts, operationsOf, typicalOperation } from "../../tools/contracts.ts";
import { poll } from "../../tools/poll.ts";
import { managedIdentityToken, mintToken } from "../entra/client.ts";
import type { LocalSystem } from "../system/system.ts";

/** The delivery schedule of a system that runs the demos: every 2 seconds. */
export const DEMO_SCHEDULE = "*/2 * * * * *";

/** An expected outcome comes within seconds; after this time it is a failure. */
const LATER = { timeoutMs: 15_000, pauseMs: 250 };

/**
 * Shows what the services' contracts show of the business, and refused calls, each with the layer that refused it.
 *
 * @param print gets each line
 * @returns the lines of unexpected outcomes
 */
export async function showOnce(system: LocalSystem, print: (line: string) => void): Promise<readonly string[]> {
  print("Calls");
  const failures = await runDemos(system, print);
  print("\nRefusals");
  const { show, failed } = printedBy(print);
  await showRefusals(system, show);
  return [...failures, ...failed];
}

/**
 * Runs what the services' contracts show of the business.
 *
 * @param print gets each line
 * @returns the lines of unexpected outcomes
 */
export async function runDemos(system: LocalSystem, print: (line: string) => void): Promise<readonly string[]> {
  const { show, failed } = printedBy(print);
  for (const [service, contract] of Object.entries(contracts)) {
    await contract.show?.(demoOf(service, system, show));
  }
  return failed;
}

function printedBy(print: (line: string) => void): { readonly show: Show; readonly failed: readonly string[] } {
  const failed: string[] = [];
  const show: Show = async (title, expected, happens) => {
    const actual = await happens().catch((error: unknown) => `failed: ${reasonOf(error)}`);
    const isExpected = actual === expected;
    const mark = isExpected ? styleText("green", "ok  ") : styleText("red", "FAIL");
    const line = `  ${mark} ${title.padEnd(58)} ${actual}${isExpected ? "" : `   (expected: ${expected})`}`;
    if (!isExpected) failed.push(line);
    print(line);
  };
  return { show, failed };
}

function demoOf(service: string, system: LocalSystem, show: Show): Demo {
  const origin = system.endpoints.apps[service] ?? "";
  return {
    origin,
    show,
    showLater: (title, expected, happens) =>
      show(title, expected, () => poll(happens, (actual) => actual === expected, LATER)),
    start: (app, settings) => system.startApp(app, settings),
    stop: (app) => system.stopApp(app),
    runTimer: async (name) => {
      const { ok, status } = await fetch(`${origin}/admin/functions/${name}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ input: "" }),
      });
      if (!ok) throw new Error(`${service} responded ${status} to a run of its timer ${name}`);
    },
  };
}

async function showRefusals(system: LocalSystem, show: Show): Promise<void> {
  const { callee, api, entra } = system.endpoints;
  const { callerSubnet, otherSubnet, internet } = callee;
  const { caller, callee: called } = system.entra.directory.firstCall;
  const { roles = {}, callers = {} } = accessPolicy.services[called] ?? {};
  const typical = typicalOperation(called);
  const call = async (origin: string, token?: string, operation = typical): Promise<string> => {
    const { path, body } = operation.sample(randomUUID());
    const response = await fetch(`${origin}${path}`, {
      method: operation.method,
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return outcomeOf(response);
  };
  const mint = (request: object): Promise<string> => mintToken(entra.control, request);
  const good = await mint({});
  const otherRoles = Object.keys(roles).filter((role) => role !== typical.role);
  const granted = callers[caller] ?? [];
  const notGranted = operationsOf(called)
    .filter(isFirstCall)
    .filter(({ role }) => !granted.includes(role));

  await show("the granted caller, for comparison", String(typical.sample("").status), () => call(callerSubnet, good));
  for (const operation of notGranted) {
    const { method, route } = operation;
    await show(`${caller} itself: ${method} ${route}`, "403 by the application layer: role-missing", () =>
      call(callerSubnet, good, operation),
    );
  }
  await show("no token", "401 by the application layer: no-credentials", () => call(callerSubnet));
  await show("garbage for a token", "401 by the application layer: malformed-token", () =>
    call(callerSubnet, "garbage"),
  );
  await show("a token for another audience", "401 by the application layer: wrong-audience", async () =>
    call(callerSubnet, await mint({ claims: { aud: entra.tenantId } })),
  );
  await show("an expired token", "401 by the application layer: token-expired", async () =>
    call(callerSubnet, await mint({ claims: { exp: Math.floor(Date.now() / 1000) - 3600 } })),
  );
  await show("a role that is not granted", "403 by the application layer: role-missing", async () =>
    call(callerSubnet, await mint({ claims: { roles: otherRoles } })),
  );
  await show("a caller that is not on the list", "403 by the application layer: caller-not-allowed", async () =>
    call(callerSubnet, await mint({ as: "unlisted" })),
  );
  await show("an unassigned client asks for a token", "refused by Entra: AADSTS501051", async () => {
    const refusal = await managedIdentityToken(system.endpoints, "no-role", api.identifierUri).then(
      () => undefined,
      (error: unknown) => /AADSTS\d+/.exec(String(error))?.[0] ?? "no code",
    );
    return refusal === undefined ? "a token" : `refused by Entra: ${refusal}`;
  });
  await show("a good token, from another subnet", "403 by the network layer", () => call(otherSubnet, good));
  await show("a good token, from the internet", "403 by the network layer", () => call(internet, good));
}

/** The layer that refused a call: the front end sets a header, the app returns a problem document. */
async function outcomeOf(response: Response): Promise<string> {
  if (response.headers.has("x-ms-forbidden-ip")) return `${response.status} by the network layer`;
  if (response.ok) return String(response.status);
  const { code } = (await response.json()) as { code?: string };
  return `${response.status} by the application layer: ${code ?? "no code"}`;
}
