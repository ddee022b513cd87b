/** What came of reading something. `unseen` is neither good nor bad: it could not be read, and the reason says why. */
export type Reading<T> =
  | { readonly kind: "found"; readonly value: T }
  | { readonly kind: "missing"; readonly what: string }
  | { readonly kind: "unseen"; readonly reason: string };

export type Read<T> = () => Promise<Reading<T>>;

/** Several readings as one: what is missing or unseen in any of them leaves the whole unseen. */
export async function together<Values extends Readonly<Record<string, unknown>>>(reads: {
  readonly [Name in keyof Values]: Read<Values[Name]>;
}): Promise<Reading<Values>> {
  const values: Record<string, unknown> = {};
  for (const [name, read] of Object.entries<Read<unknown>>(reads)) {
    const reading = await read();
    if (reading.kind === "missing") return unseen(`${reading.what} is not there: that is a finding of its own.`);
    if (reading.kind === "unseen") return reading;
    values[name] = reading.value;
  }
  return { kind: "found", value: values as Values };
}

/** Reads what the value of another reading leads to. */
export async function following<A, B>(read: Read<A>, next: (value: A) => Promise<Reading<B>>): Promise<Reading<B>> {
  const reading = await together({ value: read });
  return reading.kind === "found" ? next(reading.value.value) : reading;
}

/** Reads a part of another reading's value. */
export function member<T, M>(read: Read<T>, of: (value: T) => M): Read<M> {
  return () => following(read, (value) => Promise.resolve({ kind: "found" as const, value: of(value) }));
}

/** Makes it when it is first asked for; later ones get the same. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

export function unseen(reason: string): { readonly kind: "unseen"; readonly reason: string } {
  return { kind: "unseen", reason };
}
