import type { TokenCredential } from "@azure/identity";
import { operations as calleeOperations, type SampleCall, sampleCallOf } from "../../model/operations.ts";
import { hostOutcome } from "../../model/outcomes.ts";
import type { CallerKind, Operation, Outcome } from "../../model/report.ts";
import { once } from "../azure/reading.ts";
import { policy, type Scene, type SceneService } from "../view.ts";
import { BY_NETWORK, notMade, type PlannedCell, plannedCell, type Request, seen, type Seen } from "./request.ts";
import type { Here } from "./here.ts";
import { allOperations, readingHostOperations, scmOperation } from "./operations.ts";
import { forgedToken, signedIn } from "./tokens.ts";

/** What the calls need of their surroundings. */
export interface Surroundings {
  readonly scene: Scene;
  readonly credential: TokenCredential;
  readonly here: () => Promise<Here>;
  /** The origin of the SCM site of the site at an origin. */
  readonly scmUrl: (url: string) => string;
  /** Milliseconds that a call may take. */
  readonly patience: number;
}

export const strangers: readonly CallerKind[] = [
  { id: "no-token", title: "No token", description: "Sends no Authorization header." },
  {
    id: "forged-token",
    title: "A forged token",
    description: "All is as in the granted caller's own, but that nobody has published the key that signed it.",
  },
  {
    id: "signed-in",
    title: "Whoever runs this",
    description: "Asks Entra ID for a token, as whom this machine is signed in as.",
  },
];

const BY_APPLICATION: Outcome = { refusedBy: "application", status: 401, code: null };
const NO_TOKEN: Outcome = { refusedBy: "identity-provider", status: null, code: null };

/** Calls from this machine that nobody may answer: to every main site and every SCM site. */
export function refusalCells(surroundings: Surroundings): PlannedCell[] {
  return surroundings.scene.services.flatMap((service) => [
    ...(service.api === null ? entryCells(surroundings, service) : apiCells(surroundings, service)),
    ...hostCells(surroundings, service),
    ...scmCells(surroundings, service),
  ]);
}

/** A callee lets in its callers' subnets: whoever calls from outside is refused by the network, whatever it carries. */
function apiCells({ scene, credential, patience }: Surroundings, service: SceneService): PlannedCell[] {
  const callers = policy.services[service.name]?.callers ?? {};
  const [granted] = scene.services.filter(({ name }) => name in callers);
  const forged = once(() => forgedToken(scene, service, granted, callers[granted?.name ?? ""] ?? []));
  const asked = once(() => signedIn(credential, scene, service));
  return mainOperations(service).flatMap((operation) => {
    const request = requestOf(service, operation, patience);
    return [
      plannedCell(operation.id, "here", "no-token", () => seen(BY_NETWORK, request)),
      plannedCell(operation.id, "here", "forged-token", async () =>
        seen(BY_NETWORK, withToken(request, await forged())),
      ),
      plannedCell(operation.id, "here", "signed-in", async (): Promise<Seen> => {
        const result = await asked();
        if (result.kind === "unknown") return notMade(NO_TOKEN, result.reason);
        if (result.kind === "refused") {
          const actual: Outcome = { refusedBy: "identity-provider", status: null, code: result.code };
          return { expected: NO_TOKEN, actual, note: "No token, so no call was made.", exchanges: [] };
        }
        const principals = await Promise.all(
          scene.services.filter(({ name }) => name in callers).map(({ principalId }) => principalId()),
        );
        const isGranted = principals.some((one) => one.kind === "found" && one.value === result.principalId);
        if (isGranted) return seen(BY_NETWORK, withToken(request, result.token));
        const call = await seen(NO_TOKEN, withToken(request, result.token));
        return { ...call, note: "Entra ID issued a token to somebody whom the policy grants nothing. With it:" };
      }),
    ];
  });
}

/** A service that is nobody's callee lets in its ingress ranges, and then asks for a function key. */
function entryCells(surroundings: Surroundings, service: SceneService): PlannedCell[] {
  const { scene, patience } = surroundings;
  // Only what reads is tried: a call that is let in by mistake must not place an order.
  const operations = mainOperations(service).filter(({ id, method }) => method === "GET" && id !== "get-order");
  return operations.flatMap((operation) =>
    fromHere(surroundings, service, operation, requestOf(service, operation, patience), scene.deployment.ingressRanges),
  );
}

/**
 * What the Functions host answers itself. A callee lets in nobody from here. Elsewhere an ingress address gets as far as the
 * host, which must refuse, or answer with nothing: with its master key, too.
 */
function hostCells({ scene, here, patience }: Surroundings, service: SceneService): PlannedCell[] {
  const masterKey = once(service.azure.masterKey);
  return readingHostOperations(service.name).flatMap((operation) => {
    const request: Request = { ...requestOf(service, operation, patience), by: "host" };
    const call = async (status: number, headers: Readonly<Record<string, string>>): Promise<Seen> => {
      const found = await here();
      if (service.api === null && found.address === null) return notMade(BY_NETWORK, UNKNOWN);
      const isLetIn = service.api === null && found.isWithin(scene.deployment.ingressRanges);
      return seen(isLetIn ? hostOutcome(status) : BY_NETWORK, { ...request, headers });
    };
    const [withoutKey, withKey] = operation.answers;
    return [
      plannedCell(operation.id, "here", "no-token", () => call(withoutKey, {})),
      plannedCell(operation.id, "here", "master-key", async () => {
        const key = await masterKey();
        if (key.kind === "found") return call(withKey, { "x-functions-key": key.value });
        return notMade(BY_NETWORK, key.kind === "unseen" ? key.reason : "The host has no master key.");
      }),
    ];
  });
}

const UNKNOWN = "No site refused this machine, so its public address is not known, nor what to expect of it.";

function scmCells(surroundings: Surroundings, service: SceneService): PlannedCell[] {
  const { scene, scmUrl, patience } = surroundings;
  const request = { url: `${scmUrl(service.url)}/api/environment`, method: "GET", patience };
  return fromHere(surroundings, service, scmOperation(service.name), request, scene.deployment.deployerRanges);
}

/** Where this machine is let in, the site itself must refuse it: 401. What is expected depends on the address. */
function fromHere(
  { scene, here }: Surroundings,
  service: SceneService,
  operation: Operation,
  request: Request,
  admittedRanges: readonly string[],
): PlannedCell[] {
  const forged = once(() => forgedToken(scene, service, undefined, []));
  const cell = (caller: string, make: () => Promise<Request>): PlannedCell =>
    plannedCell(operation.id, "here", caller, async () => {
      const found = await here();
      if (found.address === null) return notMade(BY_NETWORK, UNKNOWN);
      return signInCounts(
        await seen(found.isWithin(admittedRanges) ? BY_APPLICATION : BY_NETWORK, await make()),
        scene,
      );
    });
  return [
    cell("no-token", () => Promise.resolve(request)),
    cell("forged-token", async () => withToken(request, await forged())),
  ];
}

/** A site that sends a client to the authority's sign-in page has refused it. */
function signInCounts(call: Seen, { authorityHost }: Scene): Seen {
  const { status, headers = {} } = call.exchanges[0]?.response ?? {};
  if (status !== 302 || headers["location"]?.startsWith(`${authorityHost}/`) !== true) return call;
  const expected = call.expected.refusedBy === "application" ? { ...call.expected, status } : call.expected;
  return { ...call, expected, actual: { refusedBy: "application", status, code: null }, note: "Sent to sign in." };
}

function mainOperations({ name }: SceneService): Operation[] {
  return allOperations().filter(
    ({ id, service, by }) => service === name && by === undefined && id !== scmOperation(name).id,
  );
}

function requestOf(service: SceneService, { id, method, route }: Operation, patience: number): Request {
  const isSample = calleeOperations.some((operation) => operation.id === id);
  const { path, body }: Pick<SampleCall, "path" | "body"> = isSample ? sampleCallOf(id, "deployed") : { path: route };
  return { url: `${service.url}${path}`, method, body, patience };
}

function withToken(request: Request, token: string): Request {
  return { ...request, headers: { authorization: `Bearer ${token}` } };
}
