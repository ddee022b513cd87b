/** Names of the report's codes, ids, times and commands, for the page. */
import type { Cell, Layers, Outcome, Report } from "../model/report.ts";

export const LAYERS: Readonly<Record<Layers, { readonly title: string; readonly meaning: string }>> = {
  both: {
    title: "Both layers on",
    meaning: "The normal operation: the network layer and the application layer each refuse their calls.",
  },
  "application-only": {
    title: "Network layer off",
    meaning: "Without network restrictions: the calls that the application layer refuses alone.",
  },
  "network-only": {
    title: "Application layer off",
    meaning: "Without token check: the calls that the network layer refuses alone.",
  },
};

export const DECIDED_BY: Readonly<Record<Outcome["refusedBy"], string>> = {
  nobody: "let through",
  network: "network",
  application: "application",
  host: "host",
  "identity-provider": "Entra ID",
};

export const RESULTS: Readonly<Record<Cell["result"], string>> = {
  "as-expected": "as expected",
  different: "differs",
  "not-checked": "not checked",
};

/** An outcome in words: "403 by the application layer: role-missing". */
export function outcomeInWords({ refusedBy, status, code }: Outcome): string {
  const by = {
    nobody: "let through",
    network: "refused by the network layer",
    application: "refused by the application layer",
    host: "refused by the Functions host",
    "identity-provider": "Entra ID issues no token",
  }[refusedBy];
  return [[status, by].filter((part) => part !== null).join(" "), code].filter((part) => part !== null).join(": ");
}

/** "1 call", "2 calls"; thousands apart. */
export function count(number: number, one: string): string {
  return `${number.toLocaleString("en-GB")} ${one}${number === 1 ? "" : "s"}`;
}

/** "24 November 2026, 16:40:39 UTC"; any other text is unchanged. */
export function instant(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  const written = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "medium", timeZone: "UTC" });
  return `${written.format(time).replace(" at ", ", ")} UTC`;
}

/** "1 min 24 s", "8.3 s". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

/** The title of an id; an unknown id itself. */
export function titleOf(things: readonly { readonly id: string; readonly title: string }[], id: string): string {
  return things.find((thing) => thing.id === id)?.title ?? id;
}

/** "GET /api/items/{id}"; with the service, if several services have such an operation. */
export function operationTitle({ operations }: Pick<Report, "operations">, id: string): string {
  const titles = titlesOf.get(operations) ?? operationTitles(operations);
  titlesOf.set(operations, titles);
  return titles.get(id) ?? id;
}

const titlesOf = new WeakMap<Report["operations"], ReadonlyMap<string, string>>();

function operationTitles(operations: Report["operations"]): ReadonlyMap<string, string> {
  const alike = Map.groupBy(operations, ({ method, route }) => `${method} ${route}`);
  return new Map(
    [...alike].flatMap(([title, same]) =>
      same.map(({ id, service }) => [id, same.length === 1 ? title : `${title} of ${service}`] as const),
    ),
  );
}

/** Who calls: a kind of caller, or an attack. */
export function callerTitle({ callers }: Pick<Report, "callers">, { caller, attack }: Cell): string {
  return caller === null ? (attack ?? "") : titleOf(callers, caller);
}

/** "GET /api/health from the internet; No token; both layers on". */
export function callInWords(report: Pick<Report, "callers" | "operations" | "origins">, cell: Cell): string {
  const { operation, origin, layers } = cell;
  const who = `${operationTitle(report, operation)} from ${titleOf(report.origins, origin)}`;
  return `${who}; ${callerTitle(report, cell)}; ${LAYERS[layers].title.toLowerCase()}`;
}

/** An id as a unique HTML id, which must not contain white space. Escapes all but simple characters. */
export function anchorOf(id: string): string {
  return id.replace(/[^A-Za-z0-9._/-]/gu, (character) => `~${(character.codePointAt(0) ?? 0).toString(16)}.`);
}

/** The command that verifies one id again; null if the id cannot be quoted safely in every shell. */
export function commandFor({ target }: Pick<Report, "target">, only: string | null): string | null {
  const readOnly = target.kind === "deployment" && target.readOnly === true ? " --read-only" : "";
  const command = target.kind === "local" ? "npm run verify" : `npm run verify -- --deployed${readOnly}`;
  if (only === null) return command;
  if (!/^[\w./:,*()=+ -]+$/.test(only)) return null;
  return `${command} ${target.kind === "local" ? "-- " : ""}--only ${/[ *()]/.test(only) ? `"${only}"` : only}`;
}
