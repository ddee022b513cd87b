/** The report as data of the page: each value once, compressed. The page's script renders calls from it. */

type Primitive = string | number | boolean | null;

/** An array has the shape 0. A node contains the numbers of other nodes only, and these precede it. */
interface Packed {
  /** The names of an object's members. */
  readonly shapes: readonly (readonly string[])[];
  /** A value, or the number of a shape and the numbers of the members. */
  readonly nodes: readonly (Primitive | readonly number[])[];
  /** The nodes of the list's entries, and of the rest. */
  readonly list: readonly number[];
  readonly rest: number;
}

/** What `unpacked` reads. `matching` finds entries that contain a text, in lower case, as a name or within a value. */
export interface Unpacked {
  readonly list: readonly unknown[];
  readonly rest: unknown;
  readonly matching: (text: string) => (entry: number) => boolean;
}

/**
 * Packs a list of JSON values and another value.
 *
 * @returns gzip, in base64
 */
export async function packed(list: readonly unknown[], rest: unknown): Promise<string> {
  const shapes: string[][] = [[]];
  const nodes: (Primitive | number[])[] = [];
  const known = new Map<string, number>();
  const shapeNumbers = new Map<string, number>();
  const numberOf = (value: unknown): number => {
    if (typeof value !== "object" || value === null) return nodeOf(JSON.stringify(value), value as Primitive);
    if (Array.isArray(value)) return composite([0, ...value.map(numberOf)]);
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    const names = entries.map(([name]) => name);
    const key = JSON.stringify(names);
    const shape = shapeNumbers.get(key) ?? shapes.push(names) - 1;
    shapeNumbers.set(key, shape);
    return composite([shape, ...entries.map(([, member]) => numberOf(member))]);
  };
  const composite = (numbers: number[]): number => nodeOf(`[${numbers.join()}]`, numbers);
  const nodeOf = (key: string, node: Primitive | number[]): number => {
    const number = known.get(key) ?? nodes.push(node) - 1;
    known.set(key, number);
    return number;
  };
  const content: Packed = { list: list.map(numberOf), rest: numberOf(rest), shapes, nodes };
  const stream = new Blob([JSON.stringify(content)]).stream().pipeThrough(new CompressionStream("gzip"));
  return Buffer.from(await new Response(stream).arrayBuffer()).toString("base64");
}

/**
 * Reads what `packed` made. Runs in a browser, too.
 *
 * @param late a member of the entries that is read when it is used
 */
export async function unpacked(text: string, late: string): Promise<Unpacked> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const { shapes, nodes, list, rest } = (await new Response(stream).json()) as Packed;
  const values: unknown[] = [];
  const valueOf = (number = 0): unknown => {
    const node = nodes[number];
    if (typeof node !== "object" || node === null) return node;
    return (values[number] ??= read(node));
  };
  const read = (node: readonly number[]): unknown => {
    const shape = node[0] ?? 0;
    if (shape === 0) return node.slice(1).map((number) => valueOf(number));
    const value: Record<string, unknown> = {};
    for (const [i, name] of (shapes[shape] ?? []).entries()) {
      const member = node[i + 1];
      if (name === late) Object.defineProperty(value, name, { enumerable: true, get: () => valueOf(member) });
      // Claims may have any name, and an assignment of this one would set the prototype.
      else if (name === "__proto__") Object.defineProperty(value, name, { enumerable: true, value: valueOf(member) });
      else value[name] = valueOf(member);
    }
    return value;
  };
  const matching = (text: string): ((entry: number) => boolean) => {
    const isNamed = shapes.map((names) => names.some((name) => name.toLowerCase().includes(text)));
    const found = new Uint8Array(nodes.length);
    for (const [i, node] of nodes.entries()) {
      const matches =
        typeof node === "object" && node !== null
          ? isNamed[node[0] ?? 0] === true || node.some((member, at) => at > 0 && found[member] === 1)
          : String(node).toLowerCase().includes(text);
      if (matches) found[i] = 1;
    }
    return (entry) => found[list[entry] ?? -1] === 1;
  };
  return { list: list.map((number) => valueOf(number)), rest: valueOf(rest), matching };
}
