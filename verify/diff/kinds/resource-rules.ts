/** What the rules of every resource type are made of. */
import type { Resource } from "../../../infra/snapshot.ts";
import { hashOf, type Word } from "../finding.ts";
import { exact, harmless, isObject, numbers, type Rules } from "../rules.ts";

/** The rules of a resource type. */
export interface ResourceRules {
  /** What a resource of this type is. */
  readonly kind: string;
  readonly added: Word;
  readonly removed: Word;
  /** Whether it is a part of the resource that its id begins with. Removed together with that one, it protects nothing. */
  readonly isPart?: true;
  /** The parts of one type that protect it, by name: a new resource without one of them is open. */
  readonly needs?: { readonly type: string; readonly kind: string; readonly names: readonly string[] };
  /** Tells the resources of the type apart, where they have no id, or where their id is an expression. */
  readonly keyOf?: (resource: Resource) => string;
  /** The resource in words. If not given: its kind and name. */
  readonly inWords?: (resource: Resource, owners: Owners) => string;
  readonly rules: Rules;
}

/** The services that the resources of a snapshot belong to; a resource without a service goes by its own name. */
export interface Owners {
  readonly ofSite: (site: string) => string;
  readonly ofAccount: (account: string) => string;
}

/** The members that resources of any type may have. */
export const common: Rules = {
  type: exact("name or form of a resource"),
  id: exact("name or form of a resource"),
  name: exact("name or form of a resource"),
  kind: exact("name or form of a resource"),
  // An older version may not know a property, and a property that it does not know protects nothing.
  apiVersion: numbers("version of a resource type", dayOf, { higher: "changed", lower: "opened" }),
  location: harmless("a region grants nothing"),
  tags: harmless("no access decision reads this tag"),
  sku: harmless("size, replication or price"),
};

/** Reads a list of texts. */
export function texts(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((one) => typeof one === "string") ? value : undefined;
}

/**
 * Reads a list of objects, each by its member of one of these names. Its other members stand beside it.
 *
 * @param ignored members without meaning
 */
export function byMember(names: readonly string[], ignored: readonly string[] = []) {
  return (value: unknown): readonly string[] | undefined => {
    if (!Array.isArray(value) || !value.every(isObject)) return undefined;
    return value.map((one) => {
      const name = names.map((candidate) => one[candidate]).find((found) => typeof found === "string");
      return `${name ?? "no name"}${withOthers(one, [...names, ...ignored])}`;
    });
  };
}

/** The members of an object that are not among the names, as JSON. */
export function withOthers(one: Readonly<Record<string, unknown>>, names: readonly string[]): string {
  const others = Object.entries(one).filter(([name]) => !names.includes(name));
  return others.length === 0 ? "" : ` with ${JSON.stringify(Object.fromEntries(others))}`;
}

/** Reads a list whose members may be secrets. */
export function hidden(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.map((one) => `one of SHA-256 ${hashOf(JSON.stringify(one))}`) : undefined;
}

/** @returns NaN for another form than YYYY-MM-DD, alone or at the beginning */
function dayOf(value: unknown): number {
  const [, day] = /^(\d{4}-\d{2}-\d{2})(-preview)?$/.exec(typeof value === "string" ? value : "") ?? [];
  return Number(day?.replaceAll("-", "") ?? NaN);
}
