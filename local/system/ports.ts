/** The ports of a local system: which it takes, and whether they are free. */
import type { ServiceName } from "@restricted-calls/shared/access-policy";
import { randomInt } from "node:crypto";
import { apps } from "../../tools/build.ts";
import { type Cause, cannotListen, causeOf, listen } from "../../tools/listen.ts";

/** The listening ports of a system; 0 takes a free one. */
export interface Ports {
  readonly caller: number;
  /** Services beside these two take the ports that follow. */
  readonly callee: number;
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

/** The ports of `npm start`. The README lists them. */
export const defaultPorts: Ports = {
  caller: 7071,
  callee: 7072,
  callerSubnet: 7081,
  otherSubnet: 7082,
  internet: 7083,
  entra: 7090,
  managedIdentity: 7091,
  storage: 7092,
  hostBlobs: 7093,
  hostQueues: 7094,
  hostTables: 7095,
};

/**
 * The ports of `npm start`, each as far from the first as it is from 7071.
 *
 * @param first replaces 7071
 */
export function portsFrom(first: number): Ports {
  return everyPort((port) => port - defaultPorts.caller + first);
}

/** The last first port with which none of the others exceeds 65535. */
export const LAST_FIRST_PORT = 65_535 - (Math.max(...Object.values<number>({ ...defaultPorts })) - defaultPorts.caller);

/** Free ports, for a system that runs beside another one. */
export const freePorts = everyPort(() => 0);

function everyPort(change: (port: number) => number): Ports {
  const changed = Object.entries<number>({ ...defaultPorts }).map(([name, port]) => [name, change(port)] as const);
  return Object.fromEntries(changed) as unknown as Ports;
}

/** Where the apps listen; 0 where it is any free port. */
export function appPortsOf(ports: Ports): Readonly<Record<ServiceName, number>> {
  const named: Record<string, number> = { "caller-func": ports.caller, "callee-func": ports.callee };
  return { ...named, ...furtherPorts(ports) } as Record<ServiceName, number>;
}

/** Where the apps listen, with free ports chosen. */
export async function chosenAppPorts(ports: Ports): Promise<Readonly<Record<ServiceName, number>>> {
  const chosen = Object.entries(appPortsOf(ports)).map(
    async ([app, port]) => [app, port === 0 ? await freePort() : port] as const,
  );
  return Object.fromEntries(await Promise.all(chosen)) as Record<ServiceName, number>;
}

function furtherPorts(ports: Ports): Record<string, number> {
  const further = apps.filter((app) => !["caller-func", "callee-func"].includes(app));
  return Object.fromEntries(further.map((app, i) => [app, ports.callee === 0 ? 0 : ports.callee + 1 + i]));
}

/** Node's own default; .vscode/launch.json attaches to it. */
export const defaultInspectPort = 9229;

/** The port of each app's inspector, side by side. */
export function inspectPorts(first: number): Readonly<Record<ServiceName, number>> {
  return Object.fromEntries(apps.map((app, i) => [app, first + i])) as Record<ServiceName, number>;
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
  { hostBlobs, hostQueues, hostTables, ...ports }: Ports,
  host: "func" | "embedded",
  inspectPorts: Readonly<Partial<Record<ServiceName, number>>> = {},
): Promise<void> {
  const all: Readonly<Record<string, number>> = {
    ...ports,
    ...(host === "func" && { hostBlobs, hostQueues, hostTables }),
    ...furtherPorts({ hostBlobs, hostQueues, hostTables, ...ports }),
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
