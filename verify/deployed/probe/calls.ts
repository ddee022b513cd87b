/** The calls that the probe makes from another subnet, and what its log says about them. */
import type { SampleCall } from "@restricted-calls/shared/contract";
import { isInRanges, parseAddressRange, rangeOf } from "../../../tools/address-ranges.ts";
import { expectedOutcome } from "../../model/expectations.ts";
import { sampleCallOf, statedOperation } from "../../model/operations.ts";
import { type Origin, originsOf } from "../../model/origins.ts";
import { observedIn } from "../../model/outcomes.ts";
import type { Observation, PlannedCall } from "../../model/plan.ts";
import { policy } from "../../model/policy.ts";
import type { CallerKind, Exchange, Operation, Outcome } from "../../model/report.ts";
import { BY_NETWORK, type CallContext, notMade, plannedCall } from "../calls/context.ts";
import { mainOperations, readingHostOperations, scmOperation } from "../calls/operations.ts";
import { forgedToken } from "../calls/tokens.ts";
import { callersOf, type ServiceView } from "../view.ts";
import type { Line } from "./log.ts";

export const probeIdentity: CallerKind = {
  id: "probe-identity",
  title: "The identity of the probe",
  description: "A managed identity without a role, which asks Entra ID for a token from another subnet.",
};

/** The network of the probe. */
const ORIGIN = "otherSubnet";

/** The matrix has the same operations there: a call that is let in by mistake must start nothing. */
export interface ProbeCall {
  readonly operation: Operation;
  readonly caller: string;
  readonly expected: Outcome;
  readonly request: ProbeRequest;
}

/** One line of the script. Several calls may need the same one. */
export type ProbeRequest =
  | {
      readonly kind: "call";
      readonly service: ServiceView;
      readonly method: string;
      readonly url: string;
      readonly isForged: boolean;
      readonly body: object | undefined;
    }
  | { readonly kind: "identity"; readonly service: ServiceView; readonly url: string };

export function probeCallsOf({ view, scmUrl }: Pick<CallContext, "view" | "scmUrl">): ProbeCall[] {
  return view.services.flatMap((service) => {
    const scm = { url: `${scmUrl(service.url)}/api/environment`, body: undefined };
    const atScm = [false, true].map((isForged) =>
      called(service, scmOperation(service.name), scm, isForged, BY_NETWORK),
    );
    return service.api === null ? atScm : [...callsOfApi(service, service.api.identifierUri), ...atScm];
  });
}

function callsOfApi(service: ServiceView, identifierUri: string): ProbeCall[] {
  const granted = Object.values(service.callers)[0] ?? [];
  const stranger = { assigned: true, listed: true, roles: granted };
  const expected = (operation: Operation, flaw: string, assigned = true): Outcome =>
    expectedOutcome({
      ...{ policy, layers: "both", operation, origin: originOf(service), success: 200 },
      caller: { ...stranger, assigned, flaw },
    });
  const identity: ProbeRequest = { kind: "identity", service, url: tokenUrl(identifierUri) };
  return [
    ...mainOperations(service.name).flatMap((operation) => [
      called(service, operation, target(service, operation), false, expected(operation, "no-credentials")),
      called(service, operation, target(service, operation), true, expected(operation, "bad-signature")),
      {
        ...{ operation, caller: probeIdentity.id, request: identity },
        expected: expected(operation, "no-credentials", false),
      },
    ]),
    ...readingHostOperations(service.name).map((operation) =>
      called(service, operation, target(service, operation), false, expected(operation, "no-credentials")),
    ),
  ];
}

function originOf({ name }: ServiceView): Origin {
  const origin = originsOf(policy, name).find(({ id }) => id === ORIGIN);
  if (origin === undefined) throw new Error(`The matrix has no network ${ORIGIN}.`);
  return origin;
}

function called(
  service: ServiceView,
  operation: Operation,
  to: { readonly url: string; readonly body: object | undefined },
  isForged: boolean,
  expected: Outcome,
): ProbeCall {
  const caller = isForged ? "forged-token" : "no-token";
  return { operation, caller, expected, request: { kind: "call", service, method: operation.method, isForged, ...to } };
}

function target(service: ServiceView, { id, route }: Operation): { url: string; body: object | undefined } {
  const hasSample = statedOperation(id)?.sample !== undefined;
  const { path, body }: Partial<SampleCall> = hasSample ? sampleCallOf(id, "deployed") : { path: route };
  return { url: `${service.url}${path}`, body };
}

/**
 * Where a container asks for a token of its only identity.
 *
 * @see https://learn.microsoft.com/azure/container-instances/container-instances-managed-identity
 */
function tokenUrl(resource: string): string {
  const query = new URLSearchParams({ "api-version": "2018-02-01", resource });
  return `http://169.254.169.254/metadata/identity/oauth2/token?${query.toString()}`;
}

/** Each request of the calls once. Its place is its number. */
export function requestsOf(calls: readonly ProbeCall[]): ProbeRequest[] {
  return [...new Set(calls.map(({ request }) => request))];
}

/** The lines that infra/probe.sh reads. The only tokens are forged ones. */
export async function scriptOf(view: CallContext["view"], requests: readonly ProbeRequest[]): Promise<string> {
  const lines: string[] = [];
  let tokenOf: ServiceView | undefined;
  for (const [number, request] of requests.entries()) {
    const { service } = request;
    if (service !== tokenOf) lines.push(`token ${await forgedToken(view, service, callersOf(view, service)[0])}`);
    tokenOf = service;
    if (request.kind === "identity") lines.push(`identity ${number} ${request.url}`);
    else {
      const { method, url, isForged, body } = request;
      const text = body === undefined ? "-" : JSON.stringify(body);
      lines.push(`call ${number} ${method} ${url} ${isForged ? "bearer" : "bare"} ${text}`);
    }
  }
  return lines.join("\n");
}

/** @param results what the log says, once it is read */
export function plannedCalls(calls: readonly ProbeCall[], results: () => Results): PlannedCall[] {
  const requests = requestsOf(calls);
  return calls.map(({ operation, caller, expected, request }) =>
    plannedCall(operation.id, ORIGIN, caller, expected, () =>
      Promise.resolve(observation(request, operation, results(), requests.indexOf(request))),
    ),
  );
}

/** What the probe found out, or why it did not. */
export type Results =
  | { readonly kind: "read"; readonly addressPrefix: string; readonly lines: ReadonlyMap<number, Line> }
  | { readonly kind: "not-run"; readonly reason: string };

function observation(request: ProbeRequest, { by }: Operation, results: Results, number: number): Observation {
  if (results.kind === "not-run") return notMade(results.reason);
  const line = results.lines.get(number);
  if (line === undefined) return notMade("The log of the probe does not say how this call ended.");
  if (line.kind === "failed") return notMade(`The probe got no response (exit code ${line.exitCode} of curl).`);
  if (request.kind === "identity") return tokenObservation(line);
  if (line.kind !== "response") return notMade("The log of the probe says something about a token here.");
  const { addressPrefix } = results;
  const note = `Made by the probe, from ${addressPrefix}.`;
  const { status, address } = line;
  const headers = address === null ? {} : { "x-ms-forbidden-ip": address };
  const recorded = recordedOf(request, status, headers);
  const observed = observedIn({ status, headers, body: "", recorded }, by);
  if (address !== null && !isOfSubnet(address, addressPrefix))
    return { ...observed, ...notOfSubnet(address, addressPrefix), exchanges: [recorded] };
  return { ...observed, note };
}

function tokenObservation(line: Line): Observation {
  switch (line.kind) {
    case "no-token": {
      // Any other code is about the request: for example, Entra ID does not know the new identity yet.
      if (line.code !== "AADSTS501051") return notMade(`The probe's request for a token ended with ${line.code}.`);
      const actual: Outcome = { refusedBy: "identity-provider", status: null, code: line.code };
      return { actual, note: "No token, so no call was made.", exchanges: [] };
    }
    case "token":
      return { ...notMade("Entra ID issued a token to an identity without a role."), different: true };
    case "response":
    case "failed":
      return notMade("The log of the probe says nothing about a token here.");
  }
}

/**
 * Calls through a service endpoint come from a private address. Microsoft does not document its form: the front end names an address
 * of `fd00::/8`, whose last 32 bits are the IPv4 address in the virtual network. `...:a00:fff4` is 10.0.255.244.
 *
 * @see https://learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview
 */
function isOfSubnet(address: string, addressPrefix: string): boolean {
  const range = parseAddressRange(rangeOf(address));
  if (range?.family !== "ipv6") return isInRanges(address, [addressPrefix]);
  return isInRanges(address, ["fd00::/8"]) && isInRanges(lastAsIpv4(address), [addressPrefix]);
}

/** The last 32 bits of an IPv6 address. The URL parser writes it in one form: RFC 5952. */
function lastAsIpv4(address: string): string {
  const [tail = ""] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::").slice(-1);
  const groups = ["0", "0", ...tail.split(":")].slice(-2).map((group) => Number.parseInt(group || "0", 16));
  return groups.flatMap((group) => [Math.floor(group / 256), group % 256]).join(".");
}

function notOfSubnet(address: string, addressPrefix: string): Pick<Observation, "actual" | "note"> {
  return {
    actual: null,
    note:
      `The refused address is ${address === "" ? "no address" : address}, none of ${addressPrefix}, so the call did not carry ` +
      "the probe's subnet: it shows nothing about another subnet.",
  };
}

function recordedOf(
  { method, url, isForged, body }: Extract<ProbeRequest, { kind: "call" }>,
  status: number,
  headers: Readonly<Record<string, string>>,
): Exchange {
  return {
    request: {
      method,
      url,
      headers: isForged ? { authorization: "Bearer <redacted>" } : {},
      token: null,
      body: body === undefined ? null : JSON.stringify(body),
    },
    response: { status, headers, body: "" },
  };
}
