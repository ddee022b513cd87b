/** What a change to a snapshot is, and helpers to write one. */
import {
  type PropertiesByType,
  type Resource,
  resources,
  type SiteConfig,
  siteOf,
  type SiteProperties,
  type Snapshot,
} from "../../snapshot.ts";
import type { CaseName } from "../expected.ts";

/** A change to a snapshot that breaks one invariant, and only that one. */
export interface Mutation {
  /** The invariant's name. */
  readonly breaks: string;
  /** What is changed. */
  readonly by: string;
  /** The snapshot that is changed; `default` if not given. */
  readonly in?: CaseName;
  readonly change: (snapshot: Snapshot) => void;
}

/** A change of the snapshot `default`, or of the one that is named. */
type Change = Mutation["change"] | Pick<Mutation, "in" | "change">;

/** @param changes by the name of the invariant that they break, and by what is changed */
export function mutationsOf(changes: Readonly<Record<string, Readonly<Record<string, Change>>>>): readonly Mutation[] {
  return Object.entries(changes).flatMap(([breaks, byWhat]) =>
    Object.entries(byWhat).map(([by, change]) => ({
      breaks,
      by,
      ...(typeof change === "object" ? change : { change }),
    })),
  );
}

export const CALLER = "caller-func";
export const CALLEE = "callee-func";

/** Of the example: the service that external callers may call, and two of these. */
export const EXAMPLE = {
  callee: "callee-func",
  withSubnet: {
    name: "batch-jobs",
    clientId: "77777777-7777-4777-8777-777777777771",
    objectId: "77777777-7777-4777-8777-777777777772",
  },
  withAddresses: { name: "partner-gateway", range: "203.0.113.128/28" },
} as const;

export const site =
  (change: (properties: SiteProperties, site: Resource<SiteProperties>) => void, service = CALLEE) =>
  (snapshot: Snapshot): void => {
    const found = there(siteOf(snapshot, service));
    change(there(found.properties), found);
  };

export const config = (change: (config: SiteConfig) => void, service = CALLEE): Mutation["change"] =>
  site(({ siteConfig }) => {
    change(there(siteConfig));
  }, service);

export const setting = (name: string, value: string, service = CALLEE): Mutation["change"] =>
  config(({ appSettings = [] }) => {
    const found = appSettings.find((candidate) => candidate.name === name);
    if (found === undefined) appSettings.push({ name, value });
    else found.value = value;
  }, service);

/** Changes the first resource of a type whose name contains a text, or whose properties do where it has no name. */
export const resource =
  <Type extends keyof PropertiesByType>(
    type: Type,
    nameOrContent: string,
    change: (properties: PropertiesByType[Type], resource: Resource<PropertiesByType[Type]>) => void,
  ) =>
  (snapshot: Snapshot): void => {
    const found = there(
      resources(snapshot, type).find((candidate) =>
        (candidate.name ?? JSON.stringify(candidate.properties)).includes(nameOrContent),
      ),
    );
    change(there(found.properties), found);
  };

export const plan = (
  change: (plan: Resource<PropertiesByType["Microsoft.Web/serverfarms"]>) => void,
): Mutation["change"] =>
  resource("Microsoft.Web/serverfarms", CALLEE, (_properties, found) => {
    change(found);
  });

export const subnet = (
  change: (properties: NonNullable<NonNullable<Network["subnets"]>[number]["properties"]>) => void,
): Mutation["change"] =>
  resource("Microsoft.Network/virtualNetworks", "vnet", ({ subnets }) => {
    change(there(subnets?.find(({ name }) => name === CALLEE)?.properties));
  });

type Network = PropertiesByType["Microsoft.Network/virtualNetworks"];

export const account = (
  kind: "sthost" | "stdata",
  change: (
    properties: PropertiesByType["Microsoft.Storage/storageAccounts"],
    account: Resource<PropertiesByType["Microsoft.Storage/storageAccounts"]>,
  ) => void,
): Mutation["change"] => resource("Microsoft.Storage/storageAccounts", kind, change);

export const remove =
  (type: keyof PropertiesByType, nameOrContent: string) =>
  (snapshot: Snapshot): void => {
    const found = there(
      resources(snapshot, type).find((candidate) => JSON.stringify(candidate).includes(nameOrContent)),
    );
    snapshot.predictedResources.splice(snapshot.predictedResources.indexOf(found), 1);
  };

export const add =
  <Type extends keyof PropertiesByType>(type: Type, added: Omit<Resource<PropertiesByType[Type]>, "type">) =>
  (snapshot: Snapshot): void => {
    snapshot.predictedResources.push({ type, ...added });
  };

export const application = (
  change: (properties: PropertiesByType["Microsoft.Graph/applications@v1.0"]) => void,
): Mutation["change"] => resource("Microsoft.Graph/applications@v1.0", CALLEE, change);

/** @throws Error if the snapshot lacks what a mutation changes */
export function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("The snapshot has nothing to change here: adapt the mutation.");
  return value;
}
