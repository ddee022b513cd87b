/** The result of reading something from Azure. */

/** `unreadable` is neither good nor bad. The reason says why it could not be read. */
export type Reading<T> =
  { readonly kind: "found"; readonly value: T } | { readonly kind: "missing"; readonly what: string } | Unreadable;

export interface Unreadable {
  readonly kind: "unreadable";
  readonly reason: string;
  /** Whether the options of the run leave it out. */
  readonly leftOut?: true;
}

export type Read<T> = () => Promise<Reading<T>>;

/** Several readings as one. It is unreadable if one of them is missing or unreadable. */
export async function together<Values extends Readonly<Record<string, unknown>>>(reads: {
  readonly [Name in keyof Values]: Read<Values[Name]>;
}): Promise<Reading<Values>> {
  const values: Record<string, unknown> = {};
  for (const [name, read] of Object.entries<Read<unknown>>(reads)) {
    const reading = await read();
    if (reading.kind === "missing") return unreadable(missingNote(reading.what));
    if (reading.kind === "unreadable") return reading;
    values[name] = reading.value;
  }
  return { kind: "found", value: values as Values };
}

/** Reads something that depends on the value of another reading. */
export async function following<A, B>(read: Read<A>, next: (value: A) => Promise<Reading<B>>): Promise<Reading<B>> {
  const reading = await together({ value: read });
  return reading.kind === "found" ? next(reading.value.value) : reading;
}

/** Reads a part of another reading's value. */
export function member<T, M>(read: Read<T>, of: (value: T) => M): Read<M> {
  return () => following(read, (value) => Promise.resolve(found(of(value))));
}

export function found<T>(value: T): { readonly kind: "found"; readonly value: T } {
  return { kind: "found", value };
}

export function unreadable(reason: string): Unreadable {
  return { kind: "unreadable", reason };
}

/** Another check reports the missing resource. */
export function missingNote(what: string): string {
  return `${what} is missing: another check reports it.`;
}

/** Calls `make` once, at the first use. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
