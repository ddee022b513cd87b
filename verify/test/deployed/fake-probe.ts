/** A stand-in of Resource Manager for the resources of the probe: it has a state, and refuses a wrong order. */
import { type Answer, ids, resource, SUFFIX } from "./answers.ts";

const group = resource.subnet("caller-func").replace(/\/providers\/.*$/, "/providers");
export const network = `${group}/Microsoft.Network/virtualNetworks/vnet-${SUFFIX}`;

/** In the order of creation. */
export const probeIds = {
  address: `${group}/Microsoft.Network/publicIPAddresses/pip-probe-${SUFFIX}`,
  gateway: `${group}/Microsoft.Network/natGateways/ng-probe-${SUFFIX}`,
  subnet: `${network}/subnets/restricted-calls-probe`,
  identity: `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/id-probe-${SUFFIX}`,
  container: `${group}/Microsoft.ContainerInstance/containerGroups/ci-probe-${SUFFIX}`,
} as const;

export type ProbePart = keyof typeof probeIds;
export const parts = Object.keys(probeIds) as ProbePart[];

export interface FakeProbe {
  /** What exists, with its last PUT body. */
  readonly there: Map<ProbePart, Body>;
  /** The PUT and DELETE requests that changed something, such as "PUT subnet". */
  readonly changes: string[];
  /** Answers in place of the stand-in, by request: "PUT subnet", "GET container", "GET log", "GET network", "operation". */
  readonly instead: Map<string, Answer | (() => Answer | undefined)>;
  /** So many times the subnet is in use after its container group is gone, as by a service association link. */
  lingering: number;
  /** The log of the container. By default, what a right deployment gives. */
  log: (run: string, calls: readonly string[]) => string;
  readonly respond: (method: string, path: string, body: string) => Answer | undefined;
}

interface Body {
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly identity?: { readonly userAssignedIdentities?: object };
  readonly properties?: {
    readonly addressPrefix?: string;
    readonly publicIpAddresses?: readonly { readonly id: string }[];
    readonly natGateway?: { readonly id: string };
    readonly subnetIds?: readonly { readonly id: string }[];
    readonly containers?: readonly {
      readonly name: string;
      readonly properties: {
        readonly command: readonly string[];
        readonly environmentVariables: readonly { readonly name: string; readonly value: string }[];
      };
    }[];
  };
}

/** What each needs: the stand-in refuses it without, and keeps what another uses. */
const needs: Readonly<Record<ProbePart, readonly ProbePart[]>> = {
  address: [],
  gateway: ["address"],
  subnet: ["gateway"],
  identity: [],
  container: ["subnet", "identity"],
};

export function fakeProbe(endpoint: string, addressSpace = ["10.0.0.0/16"]): FakeProbe {
  /** The numbers of polls that each operation still takes. */
  const operations = new Map<string, number>();
  let polls = 0;
  const operation = (status: number, header: "azure-asyncoperation" | "location", body: unknown): Answer => {
    const id = `/operations/${operations.size}`;
    operations.set(id, 1);
    return { status, body, headers: { [header]: `${endpoint}${id}?api-version=2025-01-01`, "retry-after": "1" } };
  };

  const put = (part: ProbePart, text: string): Answer => {
    const missing = needs[part].filter((other) => !fake.there.has(other));
    if (missing.length > 0) return refused(400, "InvalidResourceReference", `${missing.join()} is missing`);
    const body = JSON.parse(text) as Body;
    fake.there.set(part, body);
    fake.changes.push(`PUT ${part}`);
    polls = 0;
    if (part === "identity") return { status: 201, body: stateOf(part, body, null) };
    // Its end shows in the resource alone.
    if (part === "address") return { status: 201, body: stateOf(part, body, "Updating") };
    return operation(201, "azure-asyncoperation", stateOf(part, body, "Creating"));
  };
  const remove = (part: ProbePart): Answer => {
    if (!fake.there.has(part)) return { status: 204, body: "" };
    const users = parts.filter((other) => fake.there.has(other) && needs[other].includes(part));
    if (users.length > 0) return refused(400, "InUseCannotBeDeleted", `${users.join()} uses it`);
    if (part === "subnet" && fake.lingering-- > 0)
      return refused(400, "InUseSubnetCannotBeDeleted", "in use by serviceAssociationLinks/acisal");
    fake.there.delete(part);
    fake.changes.push(`DELETE ${part}`);
    if (part === "identity") return { status: 200, body: "" };
    return operation(202, part === "container" ? "azure-asyncoperation" : "location", "");
  };
  const get = (part: ProbePart): Answer | undefined => {
    const body = fake.there.get(part);
    return body === undefined ? undefined : { status: 200, body: stateOf(part, body, "Succeeded") };
  };
  const stateOf = (part: ProbePart, { properties, ...body }: Body, provisioningState: string | null): object => {
    const containers = properties?.containers?.map(({ name, properties: own }) => ({
      name,
      properties: { ...own, instanceView: { currentState: { state: polls++ < 2 ? "Running" : "Terminated" } } },
    }));
    return {
      ...{ id: probeIds[part], ...body },
      properties: {
        ...properties,
        ...(containers !== undefined && { containers, instanceView: { state: "Running" } }),
        ...(provisioningState !== null && { provisioningState }),
      },
    };
  };
  const logOfContainer = (): Answer => {
    const [container] = fake.there.get("container")?.properties?.containers ?? [];
    const value = (name: string): string =>
      container?.properties.environmentVariables.find((one) => one.name === name)?.value ?? "";
    return { status: 200, body: { content: fake.log(value("PROBE_RUN"), value("PROBE_CALLS").split("\n")) } };
  };

  const replaced = (key: string): Answer | undefined => {
    const instead = fake.instead.get(key);
    return typeof instead === "function" ? instead() : instead;
  };

  const fake: FakeProbe = {
    there: new Map(),
    changes: [],
    instead: new Map(),
    lingering: 0,
    log: goodLog,
    respond(method, path, body) {
      if (path.startsWith("/operations/")) {
        const left = operations.get(path) ?? 0;
        operations.set(path, left - 1);
        if (left > 0) return { status: 202, body: { status: "InProgress" } };
        return replaced("operation") ?? { status: 200, body: { status: "Succeeded" } };
      }
      if (method === "GET" && path === network) return replaced("GET network") ?? networkOf(fake, addressSpace);
      if (path === `/subscriptions/${ids.subscription}/providers/Microsoft.ContainerInstance`) {
        return replaced("GET provider") ?? { status: 200, body: { registrationState: "Registered" } };
      }
      if (path === `${probeIds.container}/containers/probe/logs`) return replaced("GET log") ?? logOfContainer();
      const part = parts.find((one) => probeIds[one] === path);
      if (part === undefined) return undefined;
      const instead = replaced(`${method} ${part}`);
      if (instead !== undefined) return instead;
      return method === "PUT" ? put(part, body) : method === "DELETE" ? remove(part) : get(part);
    },
  };
  return fake;
}

export function refused(status: number, code: string, message = "No."): Answer {
  return { status, body: { error: { code, message } } };
}

/** Every call is refused as one of another subnet, and Entra ID issues no token. */
export function goodLog(run: string, calls: readonly string[]): string {
  const lines = calls.flatMap((call) => {
    const [kind = "", number = ""] = call.split(" ");
    if (kind === "token") return [];
    return [`${run} ${number} ${kind === "identity" ? "AADSTS501051" : "403 at-fd00:0:1200:1:2:3:a00:fff4"}`];
  });
  return [...lines, `${run} end`, ""].join("\n");
}

function networkOf({ there }: FakeProbe, addressPrefixes: readonly string[]): Answer {
  const subnets = [
    { name: "caller-func", properties: { addressPrefix: "10.0.0.0/26" } },
    { name: "callee-func", properties: { addressPrefixes: ["10.0.1.0/26", "fd12::/64"] } },
    ...[...there].flatMap(([part, { properties }]) =>
      part === "subnet" ? [{ name: "probe", properties: properties ?? {} }] : [],
    ),
  ];
  return {
    status: 200,
    body: { id: network, location: "westeurope", properties: { addressSpace: { addressPrefixes }, subnets } },
  };
}
