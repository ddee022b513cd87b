import { Agent, createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readSnapshot, subnetIdOf } from "../../infra/snapshot.ts";
import { accessPolicy } from "../../tools/access-policy.ts";
import { cannotListen, causeOf } from "../../tools/listen.ts";
import { type AccessRestrictions, decideAccess, type NetworkSource } from "./access-restrictions.ts";
import { answerForbidden } from "./responses.ts";
import { forward } from "./proxy.ts";

const callerSubnetId = subnetIdOf(readSnapshot("default"), "caller-func");
const services: Readonly<Record<string, { readonly subnet: number }>> = accessPolicy.services;

/**
 * The networks that requests can come from. On one machine all connections come from 127.0.0.1, so the address that a
 * client connects *to* stands for the network it is in: nothing it sends can change that.
 */
export const NETWORK_ORIGINS = {
  callerSubnet: subnetOf("caller-func"),
  otherSubnet: subnetOf("callee-func"),
  internet: { address: "203.0.113.10" }, // RFC 5737: for documentation
} as const satisfies Record<string, NetworkSource>;

export type NetworkOrigin = keyof typeof NETWORK_ORIGINS;

/** The integration subnet of a service, at its place in the address space; whether a rule names it is another matter. */
function subnetOf(service: string): Required<NetworkSource> {
  const place = services[service]?.subnet ?? 0;
  return {
    vnetSubnetResourceId: callerSubnetId.replace(/[^/]+$/, service),
    address: `fd00::a00:${(place * 256 + 4).toString(16)}`,
  };
}

export interface FrontEndOptions {
  readonly restrictions: AccessRestrictions;
  /** The app's port on 127.0.0.1; a function where it changes, as it does when the app starts again. */
  readonly targetPort: number | (() => number);
  /** Ports to listen on; 0, or none given, is any free port. */
  readonly ports?: Readonly<Partial<Record<NetworkOrigin, number>>>;
  readonly log: (line: string) => void;
}

export interface FrontEnd extends Readonly<Record<NetworkOrigin, string>> {
  /** Puts other access restrictions in force, from the next request on. */
  setRestrictions(restrictions: AccessRestrictions): void;
  /** Listens on one more free port, for requests from the integration subnet of a further service; returns the origin. */
  openFor(service: string): Promise<string>;
  /** Stops listening and cuts off requests under way. */
  stop(): Promise<void>;
}

/**
 * Starts the App Service front end of one app: one address on 127.0.0.1 for each network origin. It evaluates the app's
 * access restrictions before a request reaches the app.
 *
 * @returns the origins (`http://127.0.0.1:port`, without a trailing slash).
 * @throws Error when a port is taken; then it listens on none.
 */
export async function startFrontEnd(options: FrontEndOptions): Promise<FrontEnd> {
  const { targetPort, ports, log } = options;
  let { restrictions } = options;
  const agent = new Agent({ keepAlive: true });
  const servers: Server[] = [];

  const enter = (source: NetworkSource, request: IncomingMessage, response: ServerResponse): void => {
    const decision = decideAccess(restrictions, source);
    if (decision.action === "Allow") {
      const port = typeof targetPort === "function" ? targetPort() : targetPort;
      forward(request, response, { port, agent }, source.address);
      return;
    }
    const [path] = (request.url ?? "").split("?"); // a query string can hold keys
    log(`refused ${request.method ?? ""} ${path ?? ""} from ${source.address}: ${decision.rule}`);
    answerForbidden(response, source.address);
  };

  const open = async (name: string, source: NetworkSource, port = 0): Promise<string> => {
    const server = createServer();
    servers.push(server);
    // A request with `Expect` comes by an event of its own; it is decided on all the same, before its body is asked for.
    for (const event of ["request", "checkContinue", "checkExpectation"]) {
      server.on(event, enter.bind(undefined, source));
    }
    return `http://127.0.0.1:${await listen(server, name, port)}`;
  };

  const stop = async (): Promise<void> => {
    await Promise.all(servers.map(close));
    agent.destroy();
  };

  try {
    return {
      callerSubnet: await open("callerSubnet", NETWORK_ORIGINS.callerSubnet, ports?.callerSubnet),
      otherSubnet: await open("otherSubnet", NETWORK_ORIGINS.otherSubnet, ports?.otherSubnet),
      internet: await open("internet", NETWORK_ORIGINS.internet, ports?.internet),
      openFor: (service) => open(service, subnetOf(service)),
      setRestrictions: (next) => {
        restrictions = next;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function listen(server: Server, origin: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      reject(new Error(cannotListen(causeOf(error), `${port} (${origin})`), { cause: error }));
    });
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeAllConnections();
  await closed;
}
