import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type AppInstance,
  appInstance,
  type Endpoints,
  freePort,
  freePorts,
  readLocalSettings,
  startSystem,
} from "../local/index.ts";
import { type FaultyProxyOptions, startFaultyProxy } from "./faulty-proxy.ts";
import { createInterference } from "./interference.ts";
import type { Fault } from "./plan.ts";

/** What the orders run on, and what can go wrong with it. */
export interface Ground {
  readonly endpoints: Endpoints;
  /** Origin at which the two callers take turns. */
  readonly callers: string;
  readonly hits: ReadonlyMap<string, number>;
  /** Every line that any process has written. */
  readonly log: readonly string[];
  begin(fault: Fault): Promise<void>;
  end(fault: Fault): Promise<void>;
  stop(): Promise<void>;
}

const apps = ["caller-func", "callee-func"] as const;
type App = (typeof apps)[number];

/**
 * Starts everything, with free ports and in a folder of its own:
 *
 *     clients - callers' front end - 2 callers - faults - callee's front end (doors) - 2 callees
 *                                        |                                                 |
 *                                        +------------- faults - storage ------------------+
 *
 * @param initialStock units by SKU
 */
export async function startGround(seed: number, folder: string, initialStock: object): Promise<Ground> {
  const log: string[] = [];
  const running: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const stopPart of running.splice(0).reverse()) await stopPart();
  };
  const proxy = async (options: FaultyProxyOptions): Promise<string> => {
    const started = await startFaultyProxy(options);
    running.push(() => started.stop());
    return `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${started.port}`;
  };
  try {
    const calleePort = await freePort();
    const system = await startSystem({
      folder,
      appsFolder: join(folder, "apps"),
      ports: { ...freePorts, callee: calleePort },
      withApps: false,
      deliverySchedule: "*/2 * * * * *",
      log: (source, line) => log.push(`${source}: ${line}`),
    });
    running.push(() => system.stop());
    const { callee, entra, identities } = system.endpoints;

    const interference = createInterference(seed);
    const { active, hits } = interference;
    const settings = {
      "caller-func": readLocalSettings(join(folder, "caller-func.settings.json")).Values,
      "callee-func": readLocalSettings(join(folder, "callee-func.settings.json")).Values,
    };
    const storageOrigin = new URL(settings["caller-func"]["ORDERS_TABLE_ENDPOINT"] ?? "").origin;
    const ports = {
      "caller-func": [await freePort(), await freePort()],
      "callee-func": [await freePort(), await freePort()],
    };
    const none = () => ({ kind: "none" }) as const;
    await proxy({ targets: ports["callee-func"], port: calleePort, interfere: none });
    const callers = await proxy({ targets: ports["caller-func"], interfere: none });
    const wayToCallee = await proxy({ targets: [portOf(callee.callerSubnet)], interfere: () => interference.callee() });
    const wayToStorage = await proxy({
      targets: [portOf(storageOrigin)],
      tls: await certificates(folder),
      interfere: (request) => interference.storage(request),
    });

    const changes: Record<App, (process: number) => Record<string, string>> = {
      "caller-func": (process) => ({
        CALLEE_URL: wayToCallee,
        // One app, as a reservation belongs to the app that made it, by two credentials: the first by the managed identity that
        // the app registration trusts, the second by its secret.
        CALLER_CREDENTIAL: process === 0 ? "federated-identity" : "client-secret",
        CALLER_APP_CLIENT_ID: identities["caller-app"]?.clientId ?? "",
        ...(process === 1 && { CALLER_APP_CLIENT_SECRET: identities["caller-app"]?.clientSecret ?? "" }),
      }),
      "callee-func": () => ({ INITIAL_STOCK: JSON.stringify(initialStock) }),
    };
    const instanceOf = (app: App, port: number, process: number): AppInstance => {
      const all = { ...settings[app], ...changes[app](process) };
      const viaProxy = Object.entries(all).map(([name, value]) => [name, value.replace(storageOrigin, wayToStorage)]);
      const instance = appInstance(
        {
          appFolder: join(folder, "apps", app),
          port,
          settings: Object.fromEntries(viaProxy) as Record<string, string>,
          stateFolder: join(folder, "state", `${app}-${process + 1}`),
        },
        (line) => log.push(`${app} ${process + 1}: ${line}`),
      );
      running.push(() => instance.kill());
      return instance;
    };
    const instances = {
      "caller-func": ports["caller-func"].map((port, process) => instanceOf("caller-func", port, process)),
      "callee-func": ports["callee-func"].map((port, process) => instanceOf("callee-func", port, process)),
    };
    await Promise.all(apps.flatMap((app) => instances[app].map((instance) => instance.start())));

    const control = async (path: string, body: object = {}): Promise<void> => {
      await fetch(`${entra.control}/${path}`, { method: "POST", body: JSON.stringify(body) });
    };
    /** Puts something out of order, or in order again. */
    const set = async (fault: Fault, isOn: boolean): Promise<void> => {
      if (fault.kind === "kill" || fault.kind === "scale-in") {
        const instance = instances[fault.app][fault.process];
        await (isOn ? (fault.kind === "kill" ? instance?.kill() : instance?.stop()) : instance?.start());
      }
      if (fault.kind === "keys-rotated" && isOn) await control("keys/rotate");
      if (fault.kind === "door-closed") {
        const ipSecurityRestrictionsDefaultAction = isOn ? "Deny" : "Allow";
        system.frontEnd.setRestrictions({ ipSecurityRestrictions: [], ipSecurityRestrictionsDefaultAction });
      }
      if (fault.kind === "entra-down") {
        for (const endpoint of ["keys", "metadata", "token", "managed-identity"]) {
          await control("faults", { endpoint, mode: isOn ? "down" : "ok" });
        }
      }
    };
    return {
      ...{ endpoints: system.endpoints, callers, hits, log, stop },
      async begin(fault) {
        active.add(fault);
        await set(fault, true);
      },
      async end(fault) {
        active.delete(fault);
        // Where two of the same overlap, it ends with the last of them.
        if (![...active].some((other) => subjectOf(other) === subjectOf(fault))) await set(fault, false);
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function subjectOf(fault: Fault): string {
  return "process" in fault ? `${fault.app} ${fault.process}` : fault.kind;
}

async function certificates(folder: string): Promise<{ cert: string; key: string; ca: string }> {
  const read = (name: string): Promise<string> => readFile(join(folder, "certificates", "localhost", name), "utf8");
  const [cert, key, ca] = await Promise.all([read("cert.pem"), read("key.pem"), read("ca.pem")]);
  return { cert, key, ca };
}

const portOf = (origin: string): number => Number(new URL(origin).port);
