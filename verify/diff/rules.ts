/** The rules by which two values of a property are compared: what opens, what closes, and what has no effect on access. */
import { isDeepStrictEqual } from "node:util";
import { type Finding, hashOf, inGroup, isOpening, shown, type Word, WORDS } from "./finding.ts";

/** Two different values of a property. */
export interface Change {
  readonly before: unknown;
  readonly after: unknown;
  /** The resource that has it, in words. */
  readonly what: string;
  /** The path of the property. */
  readonly path: string;
  /** Whether the resource is new. Then `before` is undefined, and rules report what it opens. */
  readonly isNew: boolean;
}

export interface Rule {
  /** As docs/access-changes.md lists it. Several rules may be of one kind. */
  readonly kind: string;
  /** Whether it can report an opening. */
  readonly opens: boolean;
  /** The rules of the members of a list. */
  readonly inner?: Rules;
  /** Reports nothing only if the resource is new. */
  readonly compare: (change: Change) => readonly Finding[];
}

/** Rules by path, such as `properties.httpsOnly`. The path of an object covers all that is in it. */
export type Rules = Readonly<Record<string, Rule>>;

export const NOT_UNDERSTOOD = "a difference that no rule knows";

/**
 * Values from the safest to the most open one. Without a value, the property counts as more open than all, or like `absent`.
 *
 * @param usual what opens nothing in a new resource; the safest value if not given
 */
export function ordered(
  kind: string,
  values: readonly unknown[],
  {
    word = "opened",
    absent,
    usual,
  }: { readonly word?: Word; readonly absent?: unknown; readonly usual?: unknown } = {},
): Rule {
  const rank = (value: unknown): number => {
    const present = value ?? absent;
    return present === undefined ? values.length : values.indexOf(present);
  };
  return numbered(kind, rank, { higher: word, lower: "closed" }, rank(usual ?? values[0]));
}

/**
 * Numbers.
 *
 * @param read NaN for a value that is not understood; Infinity or 0 where none means the highest or lowest one
 * @param words for a number that rises, and for one that falls
 * @param usual the number up to which a new resource opens nothing
 */
export function numbers(
  kind: string,
  read: (value: unknown) => number,
  words: { readonly higher: Word; readonly lower: Word },
  usual = Infinity,
): Rule {
  const readable = (value: unknown): number => {
    const number = read(value);
    return Number.isNaN(number) ? -1 : number;
  };
  return numbered(kind, readable, words, usual);
}

/** Every change opens: the value decides, and no value is safer than another one. */
export function exact(kind: string, word: Word = "opened"): Rule {
  return {
    kind,
    opens: true,
    compare: (change) => (change.isNew ? [] : [fromTo(kind, word, change)]),
  };
}

/** A change has no effect on access, for this reason. */
export function harmless(reason: string): Rule {
  return {
    kind: reason,
    opens: false,
    compare: (change) => {
      const text = `${nameOf(change.path)} of ${change.what}: ${values(change)} (${reason})`;
      return change.isNew ? [] : [{ word: "changed", kind: reason, text }];
    },
  };
}

/**
 * A list whose members open or close one by one, in any order.
 *
 * @param read the members in words; undefined if the value is not understood
 * @param absent whether no list means no member, or any
 * @param usual a member that opens nothing in a new resource
 */
export function set(
  kind: string,
  read: (value: unknown) => readonly string[] | undefined,
  {
    absent = "none",
    added = "opened",
    removed = "closed",
    usual,
  }: {
    readonly absent?: "none" | "any";
    readonly added?: Word;
    readonly removed?: Word;
    readonly usual?: string;
  } = {},
): Rule {
  const membersOf = (value: unknown): ReadonlySet<string> | "any" | undefined => {
    if ((value ?? undefined) === undefined) return absent === "any" ? "any" : new Set();
    const list = read(value);
    return list && new Set(list);
  };
  return {
    kind,
    opens: WORDS[added] || WORDS[removed],
    compare: (change) => {
      const after = membersOf(change.after);
      const before = change.isNew ? new Set(usual === undefined ? [] : [usual]) : membersOf(change.before);
      if (before === undefined || after === undefined) return [notUnderstood(change)];
      const of = `${kind} of ${change.what}`;
      const without = WORDS[removed] ? "without" : "for";
      // Where any counts, the members of the other list do not matter.
      if (before === "any" || after === "any") {
        if (before === after) return orSame(change, kind, []);
        return [
          { word: after === "any" ? added : removed, kind, text: `${of} ${after === "any" ? "for" : without} any` },
        ];
      }
      const [more, less] = [[...after].filter((one) => !before.has(one)), [...before].filter((one) => !after.has(one))];
      return orSame(change, kind, [
        ...more.map((one) => ({ word: added, kind, text: `${of} for ${inGroup(one)}` })),
        ...less.map((one) => ({ word: removed, kind, text: `${of} ${without} ${inGroup(one)}` })),
      ]);
    },
  };
}

/** What tells resources apart: with another value, it is another resource. */
export const IDENTIFYING = harmless("another value is another resource");

/**
 * A list of objects, each compared by rules of its own.
 *
 * @param keyIn what tells its members apart
 * @param inWords what one of them is, such as `subnet a`
 */
export function members(
  kind: string,
  keyIn: (member: unknown) => string | undefined,
  inWords: (member: unknown) => string,
  rules: Rules,
  { added = "opened", removed = "closed" }: { readonly added?: Word; readonly removed?: Word } = {},
): Rule {
  const byKey = (value: unknown): Map<string, unknown> | undefined => {
    const list: unknown = value ?? [];
    if (!Array.isArray(list)) return undefined;
    const named = new Map(list.map((one: unknown) => [keyIn(one) ?? "", one]));
    return named.size === list.length && !named.has("") ? named : undefined;
  };
  return {
    kind,
    opens: WORDS[added] || WORDS[removed],
    inner: rules,
    compare: (change) => {
      const [before, after] = [byKey(change.before), byKey(change.after)];
      if (before === undefined || after === undefined) return [notUnderstood(change)];
      const found = [...new Map([...before, ...after])].flatMap(([key, member]) => {
        const what = `${inWords(member)} of ${change.what}`;
        if (!before.has(key)) {
          return [{ word: added, kind, text: `new ${what} ${contentOf(member)}` }, ...compareNew(member, rules, what)];
        }
        if (!after.has(key)) return [{ word: removed, kind, text: `removed ${what}` }];
        return compare({ before: before.get(key), after: member, what, path: "", isNew: false }, rules);
      });
      return change.isNew ? found : orSame(change, kind, found);
    },
  };
}

/** Compares two values by the rules of their properties. What no rule knows is not understood. */
export function compare(change: Change, rules: Rules): readonly Finding[] {
  const { before, after, path } = change;
  if (isDeepStrictEqual(before, after)) return [];
  const rule = own(rules, path);
  if (rule !== undefined) {
    const found = rule.compare(change);
    return found.length > 0 ? found : [notUnderstood(change)];
  }
  if (!isObjectOrNothing(before) || !isObjectOrNothing(after)) return [notUnderstood(change)];
  const found = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].flatMap((name) => {
    const inner = path === "" ? name : `${path}.${name}`;
    return compare({ ...change, path: inner, before: own(before ?? {}, name), after: own(after ?? {}, name) }, rules);
  });
  // An empty object in place of nothing.
  return found.length > 0 ? found : [notUnderstood(change)];
}

/** What a new resource, or a new member of a list, opens: also by what it leaves out. */
export function compareNew(value: unknown, rules: Rules, what: string): readonly Finding[] {
  const isNew = { before: undefined, what, isNew: true } as const;
  const found = [
    ...Object.entries(rules).flatMap(([path, rule]) => rule.compare({ ...isNew, path, after: valueAt(value, path) })),
    ...pathsIn(value, rules).map((path) => notUnderstood({ ...isNew, path, after: valueAt(value, path) })),
  ];
  return found.filter(isOpening);
}

/** What stands for the content of something new in a line. */
export function contentOf(value: unknown): string {
  return `(its content: SHA-256 ${hashOf(JSON.stringify(value))})`;
}

export function notUnderstood(change: Change): Finding {
  return fromTo(nameOf(change.path), "changed, not understood", change, NOT_UNDERSTOOD);
}

/** A finding with both values. */
export function fromTo(title: string, word: Word, change: Change, kind = title): Finding {
  const name = nameOf(change.path);
  return { word, kind, text: `${title} of ${change.what}: ${title.endsWith(name) ? "" : `${name} `}${values(change)}` };
}

/** A rule that gives findings says so itself; a list in another order, or with other names, has no effect. */
export function orSame(change: Change, kind: string, found: readonly Finding[]): readonly Finding[] {
  if (found.length > 0 || change.isNew) return found;
  return [{ word: "changed", kind, text: `${nameOf(change.path)} of ${change.what}, only its order, names or form` }];
}

/** A member that the object itself has: texts of a commit may be names such as `constructor`. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param rank negative for a value that is not understood
 * @param usual the rank up to which a new resource opens nothing
 */
function numbered(
  kind: string,
  rank: (value: unknown) => number,
  { higher, lower }: { readonly higher: Word; readonly lower: Word },
  usual: number,
): Rule {
  return {
    kind,
    opens: WORDS[higher] || WORDS[lower],
    compare: (change) => {
      const [before, after] = [rank(change.before), rank(change.after)];
      if (change.isNew) return after >= 0 && after <= usual ? [] : [fromTo(kind, higher, change)];
      if (after < 0 || before < 0) return [notUnderstood(change)];
      return [fromTo(kind, before === after ? "changed" : after > before ? higher : lower, change)];
    },
  };
}

function values({ path, before, after, isNew }: Omit<Change, "what">): string {
  return isNew ? `is ${shown(after, path)}` : `${shown(before, path)} → ${shown(after, path)}`;
}

function nameOf(path: string): string {
  return path.replace(/^properties\./, "") || "content";
}

function valueAt(value: unknown, path: string): unknown {
  return path.split(".").reduce((at: unknown, name) => (isObject(at) ? own(at, name) : undefined), value);
}

/** The paths of the values that no rule covers. */
function pathsIn(value: unknown, rules: Rules, path = ""): string[] {
  if (Object.hasOwn(rules, path) || value === undefined) return [];
  if (!isObject(value)) return [path];
  return Object.keys(value).flatMap((name) => pathsIn(value[name], rules, path === "" ? name : `${path}.${name}`));
}

function isObjectOrNothing(value: unknown): value is Readonly<Record<string, unknown>> | undefined {
  return value === undefined || isObject(value);
}
