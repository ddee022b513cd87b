/** npm run new:service: adds a service to the access policy, with its code and everything that names services one by one. */
import { existsSync, lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { SIZE_FILE, sizeOf } from "./build.ts";
import { command, stopSignal, UsageError } from "./command-line.ts";
import { readContracts } from "./contract-mistakes.ts";
import { Changes } from "./new-service/changes.ts";
import { changesFor } from "./new-service/repository-files.ts";
import { type NewService, newServiceOf, type Services, servicesWith } from "./new-service/service.ts";
import { sourcesOf } from "./new-service/sources.ts";
import { checkPolicyFiles, POLICY_FILE } from "./policy-mistakes.ts";

const USAGE = `Usage: npm run new:service -- <name> [--calls <service>:<role> ...] [--offers <role> ...]

Adds a service: its folder, and its entries in the access policy, the workspaces, azure.yaml and the debugger's list.
It runs without changes. Replace its functions with your own.

  --calls    a role that it is granted at a service; for several, repeat the option
  --offers   an app role for which it has a function behind the guard; for several, repeat the option
  --help     show this text

Example: npm run new:service -- audit-func --calls callee-func:Some.Role --offers Audit.Read

Exit code 0: added. 1: it could not be added. 2: wrong arguments. After 1 and 2, no file is changed.`;

const root = join(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(root, file), "utf8").replace(/^\uFEFF/, "");
const at = (file: string): string => join(root, ...file.split("/"));

const options = {
  calls: { type: "string", multiple: true, default: [] as string[] },
  offers: { type: "string", multiple: true, default: [] as string[] },
} as const;

await command(USAGE, { allowPositionals: true, options }, async ({ positionals, values }) => {
  const [name, ...others] = positionals;
  if (name === undefined || others.length > 0) {
    throw new UsageError(`One name is needed, not ${positionals.length}. --help shows the usage.`);
  }
  const { first, signal } = stopSignal();
  const { services } = JSON.parse(read(POLICY_FILE)) as { readonly services: Services };
  const { contracts, mistakes } = await readContracts(root, services);
  if (mistakes.length > 0) throw new UsageError(mistakes.join("\n"));
  const service = newServiceOf({ name, calls: values.calls, offers: values.offers }, services, contracts);

  const all = servicesWith(services, service);
  const texts = await textsFor(service, all);
  requireNoMistakes(service, texts);
  const changes = new Changes();
  try {
    await make(service, all, texts, changes, signal);
  } catch (error) {
    changes.undo();
    if (signal.aborted) return first;
    throw error;
  }
  console.log(nextSteps(service));
  return 0;
});

/** The texts of all new and changed files, by path. */
async function textsFor(service: NewService, services: Services): Promise<ReadonlyMap<string, string>> {
  const { version, dependencies } = JSON.parse(read("shared/package.json")) as SharedManifest;
  const sources = sourcesOf(service, { ...dependencies, "@restricted-calls/shared": version });
  const manifest = JSON.parse(sources.get("package.json") ?? "") as Record<string, unknown>;
  // Not every checkout has an editor's files, or a record of what is installed.
  const changed = changesFor(service, services, manifest).filter(([file]) => existsSync(at(file)));
  const texts = [
    ...[...sources].map(([path, text]) => [`${service.name}/${path}`, text] as const),
    ...changed.map(([file, change]) => [file, change(read(file))] as const),
  ];
  return new Map(await Promise.all(texts.map(async ([file, text]) => [file, await formatted(file, text)] as const)));
}

interface SharedManifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

async function formatted(file: string, text: string): Promise<string> {
  // npm has a format of its own.
  if (file.endsWith("package-lock.json")) return `${text}\n`;
  return format(text, { ...(await resolveConfig(at(file))), filepath: file });
}

/** @throws UsageError for what the JSON schemas and the rules of the access policy forbid, before anything is written */
function requireNoMistakes({ name }: NewService, texts: ReadonlyMap<string, string>): void {
  const { mistakes } = checkPolicyFiles(
    (file) => texts.get(file) ?? read(file),
    () => true,
  );
  if (mistakes[0] !== undefined) throw new UsageError(`${name} cannot be added: ${mistakes[0]}`);
  if (name === "dist" || existsSync(at(name))) {
    throw new UsageError(`${name} cannot be added: the folder ${name}/ has another purpose. Choose another name.`);
  }
}

/**
 * Writes the folder, checks it, and then changes the other files.
 *
 * @throws Error if a file cannot be written, the contract has mistakes, or the service does not build
 */
async function make(
  service: NewService,
  services: Services,
  texts: ReadonlyMap<string, string>,
  changes: Changes,
  signal: AbortSignal,
): Promise<void> {
  const { name } = service;
  const isOwn = (file: string): boolean => file.startsWith(`${name}/`);
  const write = (owned: boolean): void => {
    for (const [file, text] of texts) if (isOwn(file) === owned) changes.write(at(file), text);
  };
  write(true);
  const { mistakes } = await readContracts(root, services);
  if (mistakes[0] !== undefined) throw new UsageError(`${name} cannot be added: ${mistakes[0]}`);
  changes.write(at(`${name}/${SIZE_FILE}`), `${JSON.stringify(await sizeOf(name), null, 2)}\n`);
  signal.throwIfAborted();
  write(false);
  const link = at(`node_modules/@restricted-calls/${name}`);
  if (lstatSync(link, { throwIfNoEntry: false }) === undefined) changes.link(`../../${name}`, link);
}

function nextSteps({ name, subnet, calls, offers }: NewService): string {
  const granted = calls.map(({ service, role }) => `${role} of ${service}`);
  return [
    `Added ${name}, in subnet ${subnet}.`,
    ...(granted.length > 0 ? [`It is granted ${granted.join(", ")}.`] : []),
    ...(offers.length > 0 ? [`It offers ${offers.map(({ role }) => role).join(", ")}, granted to nobody yet.`] : []),
    "",
    "Next:",
    "  npm run infra:check -- --update   evaluates the templates; until then, the network layer does not know the service",
    "  npm start -- --once               runs it",
    "  npm run verify                    proves who can call it, and whom it can call",
    `  Then replace its functions by your business, and list them in ${name}/contract.ts.`,
    ...(offers.length > 0 ? ["  Describe its roles in shared/access-policy.json."] : []),
  ].join("\n");
}
