// Validates what code gives to a function at the start.
import * as v from "valibot";

/**
 * Validates the options of a function that is called once, at the start. The compiler does not see plain JavaScript, casts and
 * missing settings.
 *
 * @param where the function's name, for the message
 * @param schemas a schema for each option, its `v.description` saying what is expected
 * @returns the options with their defaults, also for an option that is undefined
 * @throws TypeError that names every mistake, and no value but numbers: a value may be a secret
 */
export function checkOptions<const Schemas extends v.ObjectEntries>(
  where: string,
  schemas: Schemas,
  options: unknown,
): v.InferOutput<v.StrictObjectSchema<Schemas, undefined>> {
  const result = v.safeParse(v.strictObject(schemas), options);
  if (result.success) return result.output;
  const wrong = result.issues.map((issue) => {
    const path = v.getDotPath(issue);
    if (path === null) return `the options are ${inWords(issue.input)}: expected an object`;
    const [name = ""] = path.split(".");
    if (!Object.hasOwn(schemas, name)) return `${name} is no option: expected ${Object.keys(schemas).join(", ")}`;
    const schema: unknown = schemas[name];
    return `${path} is ${inWords(issue.input)}: expected ${v.getDescription(schema as v.GenericSchema) ?? issue.expected}`;
  });
  throw new TypeError(`These options of ${where} need attention:\n${wrong.map((line) => `  - ${line}`).join("\n")}`);
}

/** A function. Does not check its parameters and its result. */
export function callback<Callback extends (...args: never) => unknown>(): v.GenericSchema<Callback> {
  return v.pipe(v.custom<Callback>(isFunction), v.description("a function"));
}

export function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function inWords(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return value === "" ? "an empty string" : `a string of ${value.length} characters`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
