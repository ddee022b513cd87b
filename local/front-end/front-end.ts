/** The App Service front end of one app: it evaluates the access restrictions and forwards the requests that they allow. */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { readSnapshot, subnetIdOf } from "../../infra/snapshot.ts";
import { accessPolicy } from "../../tools/access-policy.ts";
import { serve } from "../../tools/listen.ts";
import { type AccessRestrictions, decideAccess, type NetworkSource } from "./access-restrictions.ts";
import { respondForbidden } from "./responses.ts";
import { forward } from "./proxy.ts";

const callerSubnetId = subnetIdOf(readSnapshot("default"), "caller-func");
const services: Readonly<Record<string, { readonly subnet: number }>> = accessPolicy.services;

/**
 * The networks that requests can come from. On one machine all connections come from 127.0.0.1, so the front end takes the
 * network from the port that a client connects *to*. Nothing in a request changes that.
 */
export const NETWORK_ORIGINS = {
  callerSubnet: subnetOf("caller-func"),
  otherSubnet: subnetOf("callee-func"),
  internet: { address: "203.0.113.10" }, // RFC 5737: for documentation
} as const satisfies Record<string, NetworkSource>;

export type NetworkOrigin = keyof typeof NETWORK_ORIGINS;

/** The integration subnet of a service, whether or not a rule names it. */
function subnetOf(service: string): Required<NetworkSource> {
  const place = services[service]?.subnet ?? 0;
  return {
    vnetSubnetResourceId: callerSubnetId.replace(/[^/]+$/, service),
    address: `fd00::a00:${(place * 256 + 4).toString(16)}`,
  };
}

export interface FrontEndOptions {
  readonly restrictions: AccessRestrictions;
  /** The app's port on 127.0.0.1; a function where it can change, at a restart of the app. */
  readonly targetPort: number | (() => number);
  /** Ports to listen on; 0, or none given, is any free port. */
  readonly ports?: Readonly<Partial<Record<NetworkOrigin, number>>>;
  readonly log: (line: string) => void;
}

export interface FrontEnd extends Readonly<Record<NetworkOrigin, string>> {
  /** Replaces the access restrictions, from the next request on. */
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
  await using started = new AsyncDisposableStack();
  let running: AsyncDisposableStack = started;
  const agent = started.adopt(new Agent({ keepAlive: true }), (kept) => {
    kept.destroy();
  });

  const enter = (source: NetworkSource, request: IncomingMessage, response: ServerResponse): void => {
    const decision = decideAccess(restrictions, source);
    if (decision.action === "Allow") {
      const port = typeof targetPort === "function" ? targetPort() : targetPort;
      forward(request, response, { port, agent }, source.address);
      return;
    }
    const [path] = (request.url ?? "").split("?"); // a query string can hold keys
    log(`refused ${request.method ?? ""} ${path ?? ""} from ${source.address}: ${decision.rule}`);
    respondForbidden(response, source.address);
  };

  const open = async (name: string, source: NetworkSource, port = 0): Promise<string> => {
    const server = createServer();
    // Node has other events for requests with `Expect`: the decision comes before the front end asks for the body.
    for (const event of ["request", "checkContinue", "checkExpectation"]) {
      server.on(event, enter.bind(undefined, source));
    }
    const listener = await serve(server, port, name);
    running.defer(() => listener.stop());
    return `http://127.0.0.1:${listener.port}`;
  };

  const origins = {
    callerSubnet: await open("callerSubnet", NETWORK_ORIGINS.callerSubnet, ports?.callerSubnet),
    otherSubnet: await open("otherSubnet", NETWORK_ORIGINS.otherSubnet, ports?.otherSubnet),
    internet: await open("internet", NETWORK_ORIGINS.internet, ports?.internet),
  };
  running = started.move();
  return {
    ...origins,
    openFor: (service) => open(service, subnetOf(service)),
    setRestrictions: (next) => {
      restrictions = next;
    },
    stop: () => running.disposeAsync(),
  };
}
