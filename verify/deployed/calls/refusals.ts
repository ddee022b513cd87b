/** Calls from this machine that must be refused: to every main site, Functions host and SCM site. */
import type { SampleCall } from "@restricted-calls/shared/contract";
import { sampleCallOf, statedOperation } from "../../model/operations.ts";
import { hostOutcome } from "../../model/outcomes.ts";
import type { Observation, PlannedCall } from "../../model/plan.ts";
import type { CallerKind, Operation, Outcome } from "../../model/report.ts";
import { once } from "../azure/reading.ts";
import { callersOf, type ServiceView } from "../view.ts";
import { BY_NETWORK, type CallContext, notMade, plannedCall, type Request, send, UNKNOWN_ADDRESS } from "./context.ts";
import { mainOperations, readingHostOperations, scmOperation } from "./operations.ts";
import { forgedToken, signedIn } from "./tokens.ts";

export const strangers: readonly CallerKind[] = [
  { id: "no-token", title: "No token", description: "Sends no Authorization header." },
  {
    id: "forged-token",
    title: "A forged token",
    description: "Has the granted caller's claims, but an unpublished key signed it.",
  },
  {
    id: "signed-in",
    title: "The signed-in account",
    description: "Asks Entra ID for a token with the account of this machine.",
  },
];

const BY_APPLICATION: Outcome = { refusedBy: "application", status: 401, code: null };
const NO_TOKEN: Outcome = { refusedBy: "identity-provider", status: null, code: null };

export function refusalCalls(context: CallContext): PlannedCall[] {
  return context.view.services.flatMap((service) => [
    ...(service.api === null ? entryCalls(context, service) : apiCalls(context, service)),
    ...hostCalls(context, service),
    ...scmCalls(context, service),
  ]);
}

/**
 * A callee lets in its callers' networks only: the network refuses every call from outside, with any token. From an address of an
 * external caller, the token decides.
 */
function apiCalls(context: CallContext, service: ServiceView): PlannedCall[] {
  const { view, credential } = context;
  const granted = callersOf(view, service);
  const isAdmitted = (): Promise<boolean> => isHereIn(context, service.callerRanges);
  const forged = once(() => forgedToken(view, service, granted[0]));
  const account = once(() => signedIn(credential, view.deployment, service));

  const withAccount = async (request: Request): Promise<Observation> => {
    const result = await account();
    if (result.kind === "unknown") return notMade(result.reason);
    if (result.kind === "refused") {
      const actual: Outcome = { refusedBy: "identity-provider", status: null, code: result.code };
      return { actual, note: "No token, so no call was made.", exchanges: [] };
    }
    const principals = await Promise.all(granted.map(({ principalId }) => principalId()));
    const isGranted = principals.some((one) => one.kind === "found" && one.value === result.principalId);
    if (isGranted && (await isAdmitted())) return notMade("The signed-in account may call from this address.");
    const call = await send(withToken(request, result.token));
    if (isGranted) return { ...call, expected: BY_NETWORK };
    return { ...call, note: "Entra ID issued a token to an account without a grant. With it:" };
  };
  return mainOperations(service.name).flatMap((operation) => {
    const request = requestOf(context, service, operation);
    const sent = async (prepared: Request): Promise<Observation> => ({
      ...(await send(prepared)),
      expected: (await isAdmitted()) ? admitted(operation) : BY_NETWORK,
    });
    return [
      plannedCall(operation.id, "here", "no-token", BY_NETWORK, () => sent(request)),
      plannedCall(operation.id, "here", "forged-token", BY_NETWORK, async () =>
        sent(withToken(request, await forged())),
      ),
      plannedCall(operation.id, "here", "signed-in", NO_TOKEN, () => withAccount(request)),
    ];
  });
}

/** A service without roles lets in its ingress ranges, and then asks for a function key, unless the operation is public. */
function entryCalls(context: CallContext, service: ServiceView): PlannedCall[] {
  return mainOperations(service.name).flatMap((operation) => {
    const { sample, after = [] } = statedOperation(operation.id) ?? {};
    // Only those that read: a call that is let in by mistake must change nothing.
    if (operation.method !== "GET" || sample === undefined || after.length > 0) return [];
    const request = requestOf(context, service, operation);
    const ranges = context.view.deployment.ingressRanges;
    return callsFromHere(context, service, operation, request, ranges, admitted(operation));
  });
}

/** The outcome of a call without a good token or key, whose address the network lets in. */
function admitted({ id }: Operation): Outcome {
  const { access, sample } = statedOperation(id) ?? {};
  if (access !== "public") return BY_APPLICATION;
  return { refusedBy: "nobody", status: sample?.("").status ?? 200, code: null };
}

/**
 * The endpoints of the Functions host. A call from an address that the network lets in reaches the host, which must refuse it or
 * return an empty body, also with its master key.
 */
function hostCalls(context: CallContext, service: ServiceView): PlannedCall[] {
  const { view, here } = context;
  const masterKey = once(service.azure.masterKey);
  return readingHostOperations(service.name).flatMap((operation) => {
    const request: Request = { ...requestOf(context, service, operation), by: "host" };
    const call = async (status: number, headers: Readonly<Record<string, string>>): Promise<Observation> => {
      if (service.api === null && (await here()).address === null) return notMade(UNKNOWN_ADDRESS);
      const ranges = service.api === null ? view.deployment.ingressRanges : service.callerRanges;
      const expected = (await isHereIn(context, ranges)) ? hostOutcome(status) : BY_NETWORK;
      return { ...(await send({ ...request, headers })), expected };
    };
    const [withoutKey, withKey] = operation.responses;
    return [
      plannedCall(operation.id, "here", "no-token", BY_NETWORK, () => call(withoutKey, {})),
      plannedCall(operation.id, "here", "master-key", BY_NETWORK, async () => {
        const key = await masterKey();
        if (key.kind === "found") return call(withKey, { "x-functions-key": key.value });
        return notMade(key.kind === "unreadable" ? key.reason : "The host has no master key.");
      }),
    ];
  });
}

function scmCalls(context: CallContext, service: ServiceView): PlannedCall[] {
  const { view, scmUrl, timeoutMs } = context;
  const request = { url: `${scmUrl(service.url)}/api/environment`, method: "GET", timeoutMs };
  return callsFromHere(context, service, scmOperation(service.name), request, view.deployment.deployerRanges);
}

/** An unknown address is in none: SCM sites refuse every external caller's, so it would be known. */
async function isHereIn({ here }: CallContext, ranges: readonly string[]): Promise<boolean> {
  return ranges.length > 0 && (await here()).isWithin(ranges);
}

/** From an address that the network lets in, the site itself decides. From any other, the network refuses. */
function callsFromHere(
  { view, here }: CallContext,
  service: ServiceView,
  operation: Operation,
  request: Request,
  admittedRanges: readonly string[],
  inRange: Outcome = BY_APPLICATION,
): PlannedCall[] {
  const forged = once(() => forgedToken(view, service, undefined));
  const call = (caller: string, prepared: () => Promise<Request>): PlannedCall =>
    plannedCall(operation.id, "here", caller, BY_NETWORK, async () => {
      const { address, isWithin } = await here();
      if (address === null) return notMade(UNKNOWN_ADDRESS);
      const expected = isWithin(admittedRanges) ? inRange : BY_NETWORK;
      return withSignIn({ ...(await send(await prepared())), expected }, view.authorityHost);
    });
  return [
    call("no-token", () => Promise.resolve(request)),
    call("forged-token", async () => withToken(request, await forged())),
  ];
}

/** A redirect to the authority's sign-in page is a refusal. */
function withSignIn(call: Observation & { readonly expected: Outcome }, authorityHost: string): Observation {
  const { status, headers = {} } = call.exchanges[0]?.response ?? {};
  if (status !== 302 || headers["location"]?.startsWith(`${authorityHost}/`) !== true) return call;
  const expected = call.expected.refusedBy === "application" ? { ...call.expected, status } : call.expected;
  return { ...call, expected, actual: { refusedBy: "application", status, code: null }, note: "Sent to sign in." };
}

function requestOf({ timeoutMs }: CallContext, service: ServiceView, { id, method, route }: Operation): Request {
  const hasSample = statedOperation(id)?.sample !== undefined;
  const { path, body }: Partial<SampleCall> = hasSample ? sampleCallOf(id, "deployed") : { path: route };
  return { url: `${service.url}${path}`, method, body, timeoutMs };
}

function withToken(request: Request, token: string): Request {
  return { ...request, headers: { authorization: `Bearer ${token}` } };
}
