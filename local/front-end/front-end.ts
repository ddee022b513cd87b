/** The App Service front end of one app: it evaluates the access restrictions and forwards the requests that they allow. */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { serve } from "../../tools/listen.ts";
import { type AccessRestrictions, decideAccess, type NetworkSource } from "./access-restrictions.ts";
import { respondForbidden } from "./responses.ts";
import { forward } from "./proxy.ts";

export interface FrontEndOptions<Network extends string> {
  readonly restrictions: AccessRestrictions;
  /**
   * The networks that requests come from. On one machine all connections come from 127.0.0.1, so the front end takes the network
   * from the port that a client connects *to*. Nothing in a request changes that.
   */
  readonly networks: Readonly<Record<Network, NetworkSource>>;
  /** The app's port on 127.0.0.1; a function where it can change, at a restart of the app. */
  readonly targetPort: number | (() => number);
  /** Ports to listen on; 0, or none given, is any free port. */
  readonly ports?: Readonly<Partial<Record<Network, number>>>;
  readonly log: (line: string) => void;
  /** Gets each refused call, which no app sees. */
  readonly onRefusal?: (refusal: NetworkRefusal) => void;
}

/** A call that the access restrictions refused. */
export interface NetworkRefusal {
  readonly event: "network-refusal";
  readonly method: string;
  /** Without the query string, which can hold keys. */
  readonly path: string;
  /** The address that the call came from. */
  readonly address: string;
  /** The rule that refused it. */
  readonly rule: string;
  /** The header `traceparent`, if it is valid: W3C Trace Context, section 3.2. */
  readonly traceParent: string | undefined;
}

export interface FrontEnd<Network extends string = string> {
  /** Where requests from each network arrive: `http://127.0.0.1:port`, without a trailing slash. */
  readonly origins: Readonly<Record<Network, string>>;
  /** Replaces the access restrictions, from the next request on. */
  setRestrictions(restrictions: AccessRestrictions): void;
  /** Stops listening and cuts off requests under way. */
  stop(): Promise<void>;
}

/**
 * Starts the App Service front end of one app: one address on 127.0.0.1 for each network. It evaluates the app's
 * access restrictions before a request reaches the app.
 *
 * @throws Error when a port is taken; then it listens on none.
 */
export async function startFrontEnd<Network extends string>(
  options: FrontEndOptions<Network>,
): Promise<FrontEnd<Network>> {
  const { networks, targetPort, ports, log, onRefusal } = options;
  let { restrictions } = options;
  await using started = new AsyncDisposableStack();
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
    const { method = "", url = "", headers } = request;
    const [path = ""] = url.split("?"); // a query string can hold keys
    const { address } = source;
    log(`refused ${method} ${path} from ${address}: ${decision.rule}`);
    const traceParent = TRACE_PARENT.exec(String(headers["traceparent"]))?.[0];
    onRefusal?.({ event: "network-refusal", method, path, address, rule: decision.rule, traceParent });
    respondForbidden(response, source.address);
  };

  const open = async (name: string, source: NetworkSource, port = 0): Promise<string> => {
    const server = createServer();
    // Node has other events for requests with `Expect`: the decision comes before the front end asks for the body.
    for (const event of ["request", "checkContinue", "checkExpectation"]) {
      server.on(event, enter.bind(undefined, source));
    }
    const listener = await serve(server, port, name);
    started.defer(() => listener.stop());
    return `http://127.0.0.1:${listener.port}`;
  };

  const origins: Partial<Record<Network, string>> = {};
  for (const network of Object.keys(networks) as Network[]) {
    origins[network] = await open(network, networks[network], ports?.[network]);
  }
  const running = started.move();
  return {
    origins: origins as Record<Network, string>,
    setRestrictions: (next) => {
      restrictions = next;
    },
    stop: () => running.disposeAsync(),
  };
}

const TRACE_PARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
