import type { Check } from "../model/report.ts";
import type { Read } from "./azure/reading.ts";

/** A check that is to be made. */
export interface PlannedCheck {
  readonly id: string;
  check(): Promise<Check>;
}

/** One thing that is looked at, and what must be found there. */
export interface Question<T> extends Pick<Check, "id" | "title" | "resource" | "expected" | "why"> {
  readonly read: Read<T>;
  /** What is there: word for word what is expected, where all is well. */
  readonly found: (value: T) => string;
  readonly mend: string | ((value: T) => string);
  /** That the thing is there at all is this check's business: elsewhere its absence only leaves nothing to look at. */
  readonly mustExist?: boolean;
}

/** It is as expected where what was found says so in the same words, and in no other case. */
export function question<T>({ read, found, mend, mustExist = false, ...asked }: Question<T>): PlannedCheck {
  return {
    id: asked.id,
    async check() {
      const reading = await read();
      const common = { ...asked, mend: null, note: null };
      if (reading.kind === "unseen") return { ...common, result: "not-checked", found: null, note: reading.reason };
      if (reading.kind === "missing") {
        if (mustExist)
          return { ...common, result: "finding", found: "nothing", mend: typeof mend === "string" ? mend : null };
        const note = `${reading.what} is not there: that is a finding of its own.`;
        return { ...common, result: "not-checked", found: null, note };
      }
      const seen = found(reading.value);
      if (seen === asked.expected) return { ...common, result: "as-expected", found: seen };
      const command = typeof mend === "string" ? mend : mend(reading.value);
      return { ...common, result: "finding", found: seen, mend: command };
    },
  };
}

/** What a list is missing and what it has too much, or else `asExpected`. Case does not count: Azure's ids have none. */
export function listed(found: readonly string[], expected: readonly string[], asExpected = wording(expected)): string {
  const lower = (list: readonly string[]): Set<string> => new Set(list.map((item) => item.toLowerCase()));
  const [has, needs] = [lower(found), lower(expected)];
  const missing = expected.filter((item) => !has.has(item.toLowerCase()));
  const tooMany = found.filter((item) => !needs.has(item.toLowerCase()));
  if (missing.length === 0 && tooMany.length === 0) return asExpected;
  return [
    ...(missing.length > 0 ? [`missing: ${missing.join(", ")}`] : []),
    ...(tooMany.length > 0 ? [`too many: ${tooMany.join(", ")}`] : []),
  ].join("; ");
}

/** How `listed` says a list that is as it must be. */
export function wording(list: readonly string[]): string {
  return list.length === 0 ? "none" : list.join(", ");
}

/** A value in a few words. */
export function shown(value: string | number | boolean | null | undefined): string {
  return value === null || value === undefined || value === "" ? "not set" : String(value).slice(0, 200);
}
