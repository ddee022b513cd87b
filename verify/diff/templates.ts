/** Compares the evaluated templates of two commits, resource by resource. */
import { isDeepStrictEqual } from "node:util";
import { apiNames, callerNames, type Policy } from "@restricted-calls/shared/access-policy";
import { type Resource, resources, type Snapshot } from "../../infra/snapshot.ts";
import { type Finding, lineOf, shown } from "./finding.ts";
import { accessKinds } from "./kinds/access.ts";
import { monitoringKinds } from "./kinds/monitoring.ts";
import { networkKinds } from "./kinds/network.ts";
import { common, type Owners, type ResourceRules } from "./kinds/resource-rules.ts";
import { siteKinds } from "./kinds/sites.ts";
import { storageKinds } from "./kinds/storage.ts";
import { compare, compareNew, contentOf, isObject, NOT_UNDERSTOOD, own } from "./rules.ts";

/** The rules by resource type. */
export const resourceKinds: Readonly<Record<string, ResourceRules>> = {
  ...siteKinds,
  ...networkKinds,
  ...storageKinds,
  ...accessKinds,
  ...monitoringKinds,
};

/** The evaluated templates of a commit, and the policy that they were evaluated with. */
export interface Templates {
  readonly policy: Policy;
  readonly snapshots: Readonly<Record<string, Snapshot>>;
}

/** What differs between the snapshots. One line for the same difference in several of them. */
export function compareTemplates(before: Templates, after: Templates): Finding[] {
  const names = [...new Set([...Object.keys(before.snapshots), ...Object.keys(after.snapshots)])].sort();
  const found = names.flatMap((name) =>
    compareSnapshots(name, before, after).map((one) => ({
      ...one,
      name,
      key: `${one.type ?? ""} ${lineOf(one.finding)}`,
    })),
  );
  return [...Map.groupBy(found, ({ key }) => key).values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const { type, finding } = first;
    const where = [...new Set(same.map(({ name }) => name))];
    // Those that had the type before: a new type in one of them is not in all.
    const concerned = names.filter((name) =>
      own(before.snapshots, name)?.predictedResources.some((resource) => resource.type === type),
    );
    if ([names, concerned].some((all) => isDeepStrictEqual(all, where))) return [finding];
    return [{ ...finding, text: `${finding.text} (${where.join(", ")})` }];
  });
}

/** A resource of either commit, and what it is called. */
interface Named {
  readonly resource: Resource;
  readonly what: string;
}

/** A finding, and the type of the resource that it is about. */
interface Found {
  readonly type: string | undefined;
  readonly finding: Finding;
}

function compareSnapshots(name: string, before: Templates, after: Templates): Found[] {
  if (own(after.snapshots, name) === undefined) {
    const text = "the evaluated template is gone";
    return [{ type: undefined, finding: { word: "changed, not understood", kind: NOT_UNDERSTOOD, text } }];
  }
  const [old, now] = [named(before, name), named(after, name)];
  const ids = [...now.values()].flatMap(({ resource: { id, type } }) =>
    id === undefined || type === "Microsoft.Resources/resourceGroups" ? [] : [id],
  );
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => {
    const [was, is] = [old.get(key), now.get(key)];
    const { type } = (is ?? was)?.resource ?? {};
    const findingsOf = (): readonly Finding[] => {
      if (is === undefined) return was === undefined ? [] : removed(was, ids);
      return was === undefined ? [...newResource(is), ...missingParts(is, now)] : changed(was, is);
    };
    return findingsOf().map((finding) => ({ type, finding }));
  });
}

/** The resources of a snapshot, by what tells them apart. */
function named({ policy, snapshots }: Templates, snapshotName: string): ReadonlyMap<string, Named> {
  const snapshot = withNames(own(snapshots, snapshotName) ?? { predictedResources: [] }, policy);
  const owners = ownersIn(snapshot);
  const found = new Map<string, Named>();
  for (const resource of snapshot.predictedResources) {
    const known = own(resourceKinds, resource.type);
    const name = resource.name ?? resource.id ?? "";
    const key = `${resource.type} ${known?.keyOf?.(resource) ?? resource.id ?? (name || JSON.stringify(resource))}`;
    const what = known === undefined ? `${resource.type} ${shown(name)}` : (known.inWords?.(resource, owners) ?? name);
    // Two alike are two resources.
    const count = [...found.keys()].filter((other) => other === key || other.startsWith(`${key} #`)).length;
    found.set(count === 0 ? key : `${key} #${count + 1}`, { resource, what });
  }
  return found;
}

function newResource({ resource, what }: Named): readonly Finding[] {
  const known = own(resourceKinds, resource.type);
  const content = contentOf(resource);
  if (known === undefined) {
    const text = `new ${what} ${content}`;
    return [{ word: "changed, not understood", kind: NOT_UNDERSTOOD, text }];
  }
  const { kind, added, rules } = known;
  const opens = compareNew(resource, rules, what);
  return [{ word: added, kind, text: `new ${kind}: ${what} ${content}` }, ...opens];
}

/** The parts that a new resource needs and does not have. */
function missingParts({ resource, what }: Named, all: ReadonlyMap<string, Named>): Finding[] {
  const { type, kind = "", names = [] } = own(resourceKinds, resource.type)?.needs ?? {};
  const there = [...all.values()].map((one) => one.resource).filter((one) => one.type === type);
  return names
    .filter((name) => !there.some((one) => one.name === `${resource.name ?? ""}/${name}`))
    .map((name) => ({ word: "opened", kind, text: `${kind} of ${what}: no policy ${name}` }));
}

function changed({ resource: before }: Named, { resource: after, what }: Named): readonly Finding[] {
  const { rules = common } = own(resourceKinds, after.type) ?? {};
  return compare({ before, after, what, path: "", isNew: false }, rules);
}

/** @param remaining the ids of the other commit's resources */
function removed({ resource: { type, id }, what }: Named, remaining: readonly string[]): readonly Finding[] {
  const known = own(resourceKinds, type);
  if (known === undefined) {
    return [{ word: "changed, not understood", kind: NOT_UNDERSTOOD, text: `removed ${what}` }];
  }
  const isOfOther = known.isPart && id !== undefined && !remaining.some((other) => id.startsWith(`${other}/`));
  const word = isOfOther === true ? "closed" : known.removed;
  return [{ word, kind: known.kind, text: `removed ${known.kind}: ${what}` }];
}

/**
 * A snapshot whose Microsoft Graph resources are referred to by name: the templates make them in a loop, sorted by service, and an
 * added service moves the numbers of the others. infra/invariants/access.ts relies on the same order.
 */
function withNames(snapshot: Snapshot, policy: Policy): Snapshot {
  const [apis, callers] = [apiNames(policy).sort(), callerNames(policy).sort()];
  const text = JSON.stringify(snapshot).replaceAll(
    /\b(application|servicePrincipal|callerApplication|callerServicePrincipal)\[(\d+)\]/g,
    (reference, kind: string, index: string) => {
      const name = (kind.startsWith("caller") ? callers : apis)[Number(index)];
      return name === undefined ? reference : `${kind} of ${name}`;
    },
  );
  return JSON.parse(text) as Snapshot;
}

function ownersIn(snapshot: Snapshot): Owners {
  const sites = resources(snapshot, "Microsoft.Web/sites");
  const serviceOf = ({ tags, name = "" }: Resource): string => tags?.["azd-service-name"] ?? name;
  return {
    ofSite: (name) => {
      const site = sites.find((one) => one.name === name);
      return site === undefined ? name : serviceOf(site);
    },
    ofAccount: (name) => {
      const owner = sites.find((site) => JSON.stringify(site.properties ?? {}).includes(`'${name}'`));
      const settings: unknown = owner?.properties?.siteConfig?.appSettings;
      const isHost =
        Array.isArray(settings) &&
        settings.filter(isObject).some(({ name: setting, value }) => {
          if (typeof setting !== "string" || typeof value !== "string") return false;
          return setting.startsWith("AzureWebJobsStorage") && value.includes(name);
        });
      return owner === undefined ? name : `${isHost ? "host" : "data"} storage of ${serviceOf(owner)}`;
    },
  };
}
