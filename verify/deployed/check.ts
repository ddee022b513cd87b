/** A check of the deployed configuration: reads one value, and compares it with the expected one. */
import type { PlannedCheck } from "../model/plan.ts";
import type { Check } from "../model/report.ts";
import { missingNote, type Read } from "./azure/reading.ts";

export interface CheckDefinition<T> extends Pick<Check, "id" | "title" | "resource" | "expected" | "why"> {
  readonly read: Read<T>;
  /** The value in words. Passes only if these equal `expected`. */
  readonly found: (value: T) => string;
  /** The command that fixes a finding. */
  readonly fix: string | ((value: T) => string);
  /** True: a missing resource is a finding of this check. Otherwise another check reports it, and this one is not checked. */
  readonly mustExist?: boolean;
}

export function plannedCheck<T>({ read, found, fix, mustExist = false, ...about }: CheckDefinition<T>): PlannedCheck {
  return {
    id: about.id,
    async run() {
      const reading = await read();
      const common = { ...about, fix: null, note: null };
      if (reading.kind === "unreadable") {
        const { reason: note, leftOut } = reading;
        return { ...common, result: "not-checked", found: null, note, ...(leftOut === true && { leftOut }) };
      }
      if (reading.kind === "missing") {
        if (mustExist)
          return { ...common, result: "finding", found: "nothing", fix: typeof fix === "string" ? fix : null };
        return { ...common, result: "not-checked", found: null, note: missingNote(reading.what) };
      }
      const seen = found(reading.value);
      if (seen === about.expected) return { ...common, result: "as-expected", found: seen };
      return { ...common, result: "finding", found: seen, fix: typeof fix === "string" ? fix : fix(reading.value) };
    },
  };
}

/** What a list is missing and what it has too much, or else `asExpected`. Ignores case, as Azure's ids do. */
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

/** A list in words. */
export function wording(list: readonly string[], none = "none"): string {
  return list.length === 0 ? none : list.join(", ");
}

/** A value in a few words. */
export function shown(value: string | number | boolean | null | undefined): string {
  return value === null || value === undefined || value === "" ? "not set" : String(value).slice(0, 200);
}
