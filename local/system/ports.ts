/** The ports of a local system: which it takes, and whether they are free. */
import type { ServiceName } from "@restricted-calls/shared/access-policy";
import { randomInt } from "node:crypto";
import { apps } from "../../tools/build.ts";
import { type Cause, cannotListen, causeOf, listen } from "../../tools/listen.ts";

/** The listening ports of a system; 0 takes a free one. */
export interface Ports {
  /** Of the apps, by service. */
  readonly apps: Readonly<Record<ServiceName, number>>;
  /** These three: of the front end of the access policy's first call. */
  readonly callerSubnet: number;
  readonly otherSubnet: number;
  readonly internet: number;
  readonly entra: number;
  readonly managedIdentity: number;
  readonly storage: number;
  /** The host's own storage, under Core Tools. */
  readonly hostBlobs: number;
  readonly hostQueues: number;
  readonly hostTables: number;
}

/** The first port of `npm start`. */
export const FIRST_PORT = 7071;

/** Distances from the first port. */
const distances: Ports = {
  apps: byApp(appDistance),
  callerSubnet: 10,
  otherSubnet: 11,
  internet: 12,
  entra: 19,
  managedIdentity: 20,
  storage: 21,
  hostBlobs: 22,
  hostQueues: 23,
  hostTables: 24,
};

/** The first ten apps, in the order of the access policy, take the first ports, and further ones those after all other ports. */
export function appDistance(place: number): number {
  return place < 10 ? place : 20 + place;
}

/** The ports of `npm start`. The README lists them. */
export const defaultPorts = portsFrom(FIRST_PORT);

/**
 * The ports of `npm start`, each as far from the first as it is from 7071.
 *
 * @param first replaces 7071
 */
export function portsFrom(first: number): Ports {
  return everyPort((distance) => first + distance);
}

/** The last first port with which none of the others exceeds 65535. */
export const LAST_FIRST_PORT = 65_535 - Math.max(...Object.values(byName(distances)));

/** Free ports, for a system that runs beside another one. */
export const freePorts = everyPort(() => 0);

function everyPort(change: (distance: number) => number): Ports {
  const { apps: ofApps, ...others } = distances;
  const changed = <Name extends string>(all: Readonly<Record<Name, number>>): Record<Name, number> =>
    Object.fromEntries(Object.entries<number>(all).map(([name, distance]) => [name, change(distance)])) as Record<
      Name,
      number
    >;
  return { apps: changed(ofApps), ...changed(others) };
}

function byApp(port: (place: number) => number): Readonly<Record<ServiceName, number>> {
  return Object.fromEntries(apps.map((app, place) => [app, port(place)])) as Record<ServiceName, number>;
}

function byName({ apps: ofApps, ...others }: Ports): Readonly<Record<string, number>> {
  return { ...ofApps, ...others };
}

/** Where the apps listen, with free ports chosen. */
export async function chosenAppPorts(ports: Ports): Promise<Ports["apps"]> {
  const chosen = Object.entries<number>(ports.apps).map(
    async ([app, port]) => [app, port === 0 ? await freePort() : port] as const,
  );
  return Object.fromEntries(await Promise.all(chosen)) as Record<ServiceName, number>;
}

/** Node's own default; .vscode/launch.json attaches to it. */
export const defaultInspectPort = 9229;

/** The port of each app's inspector, side by side. */
export function inspectPorts(first: number): Readonly<Record<ServiceName, number>> {
  return byApp((place) => first + place);
}

/**
 * Operating systems choose ports above these where a program asks for any, and for outgoing connections (Linux from 32768,
 * others from 49152).
 */
const [FIRST, LAST] = [20_000, 32_000];

/**
 * A port that is free now, for a program that must be told its port, or must keep it when it restarts. The operating system
 * could give a port of its own choice to another program before this one listens.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(FIRST, LAST);
    if ((await obstacle(port)) === undefined) return port;
  }
  throw new Error(`No port is free on 127.0.0.1 between ${FIRST} and ${LAST}.`);
}

/**
 * Checks every port of a system before anything starts, so that one error names all that cannot be used.
 *
 * @param host under the embedded host, the ports of the host's storage are not used
 * @param inspectPorts by app
 * @throws Error with one line for each cause, which says what to do about it
 */
export async function requireFree(
  ports: Ports,
  host: "func" | "embedded",
  inspectPorts: Readonly<Partial<Record<ServiceName, number>>> = {},
): Promise<void> {
  const all: Readonly<Record<string, number>> = {
    ...byName(ports),
    ...(host === "embedded" && { hostBlobs: 0, hostQueues: 0, hostTables: 0 }),
    ...Object.fromEntries(Object.entries(inspectPorts).map(([app, port]) => [`${app}'s inspector`, port])),
  };
  const unusable = new Map<Cause, string[]>();
  for (const [name, port] of Object.entries(all)) {
    const cause = port === 0 ? undefined : await obstacle(port);
    if (cause !== undefined) unusable.set(cause, [...(unusable.get(cause) ?? []), `${port} (${name})`]);
  }
  if (unusable.size === 0) return;
  const lines = [...unusable].map(([cause, names]) => cannotListen(cause, names.join(", ")));
  throw new Error(lines.join("\n"));
}

/** Why nothing can listen on a port; undefined where it is free. */
async function obstacle(port: number): Promise<Cause | undefined> {
  try {
    const listener = await listen(port, () => undefined);
    await listener.stop();
    return undefined;
  } catch (error) {
    return causeOf((error as Error).cause);
  }
}
