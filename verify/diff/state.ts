/** What a commit, or the working tree, says about access: read as data, and never run. */
import { execFile } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Policy } from "@restricted-calls/shared/access-policy";
import * as v from "valibot";
import type { Snapshot } from "../../infra/snapshot.ts";
import { reasonOf, UsageError } from "../../tools/command-line.ts";
import { environmentFor } from "../../tools/environment.mjs";
import { checkPolicyFiles } from "../../tools/policy-mistakes.ts";
import type { AccessState } from "./access.ts";
import { operationsIn } from "./contract-source.ts";
import type { Templates } from "./templates.ts";

export interface State extends AccessState, Templates {
  /** A commit id, or "the working tree". */
  readonly name: string;
  /** The texts of the parameter files, of the deployment and of the snapshots, by path. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** The text that git has of a file, or that is in a folder. */
export interface Source {
  readonly name: string;
  /** The paths of all files. */
  readonly files: ReadonlySet<string>;
  /** @throws Error if there is no such file */
  readonly read: (path: string) => string;
}

const PARAMETERS = "infra/main.bicepparam";
const SNAPSHOT_PARAMETERS = /^infra\/snapshots\/[^/]+\.bicepparam$/;
const SNAPSHOTS = /^infra\/snapshots\/([^/]+)\.snapshot\.json$/;

const snapshotSchema = v.object({
  predictedResources: v.array(
    v.looseObject({ type: v.string(), id: v.optional(v.string()), name: v.optional(v.string()) }),
  ),
});

/**
 * Reads all that is compared.
 *
 * @throws Error that names the file, if something is missing or has another form: of it, nobody could say what it opens
 */
export function stateOf({ name, files, read }: Source): State {
  const within = <T>(path: string, use: (text: string) => T): T => {
    try {
      return use(read(path));
    } catch (error) {
      const reason = reasonOf(error);
      throw new Error(`${name}: ${reason.includes(path) ? reason : `${path}: ${reason}`}`, { cause: error });
    }
  };
  const { policy, mistakes } = checkPolicyFiles(read, (service) => files.has(`${service}/src/main.ts`));
  if (mistakes.length > 0) {
    throw new Error(`${name}: this version of the tools does not accept its files: ${mistakes.join("; ")}`);
  }
  const { services } = policy as Policy;
  const operations = Object.keys(services).flatMap((service) => {
    const path = `${service}/contract.ts`;
    return within(path, (text) => operationsIn(text, service, path));
  });
  const snapshots = [...files].flatMap((path): [string, Snapshot][] => {
    const [, snapshot] = SNAPSHOTS.exec(path) ?? [];
    if (snapshot === undefined) return [];
    return [[snapshot, within(path, (text) => v.parse(snapshotSchema, JSON.parse(text)) as Snapshot)]];
  });
  if (snapshots.length === 0) throw new Error(`${name}: infra/snapshots has no evaluated template.`);
  const parameterFiles = [PARAMETERS, ...[...files].filter((path) => SNAPSHOT_PARAMETERS.test(path))];
  const parameters = Object.fromEntries(
    parameterFiles.map((path) => [path, within(path, (text) => text.replaceAll("\r\n", "\n"))]),
  );
  return { name, policy: policy as Policy, operations, snapshots: Object.fromEntries(snapshots), parameters };
}

/** The files of a folder, as they are now. */
export function workingTree(root: string): Source {
  return {
    name: "the working tree",
    files: new Set(
      globSync(["*/contract.ts", "*/src/main.ts", "infra/snapshots/*.{json,bicepparam}"], { cwd: root }).map((path) =>
        path.replaceAll("\\", "/"),
      ),
    ),
    read: (path) => {
      if (!existsSync(join(root, path))) throw new Error("is missing");
      return readFileSync(join(root, path), "utf8");
    },
  };
}

/**
 * The files of a commit.
 *
 * @param ref any name that git knows
 * @throws Error if it names no commit of this clone, or the folder is in no clone
 */
export async function commit(root: string, ref: string, signal?: AbortSignal): Promise<Source> {
  const git = async (...args: readonly string[]): Promise<string> => {
    const options = { cwd: root, env: environmentFor(), maxBuffer: MAX_BYTES, ...(signal && { signal }) };
    return (await promisify(execFile)("git", args, options)).stdout;
  };
  const id = (
    await git("rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`).catch((error: unknown) => {
      throw new UsageError(reasonWithout(ref, error), { cause: error });
    })
  ).trim();
  const listed = (await git("ls-tree", "-r", "-z", "--name-only", id, "--", ".")).split("\0");
  const wanted = listed.filter((path) => WANTED.test(path));
  const texts = new Map<string, string>();
  for (const path of wanted) texts.set(path, await git("cat-file", "blob", `${id}:./${path}`));
  return {
    name: `commit ${id.slice(0, 12)}`,
    files: new Set(listed),
    read: (path) => {
      const text = texts.get(path);
      if (text === undefined) throw new Error("is missing");
      return text;
    },
  };
}

/** The files that are read. */
const WANTED =
  /^(shared\/access-policy\.json|infra\/(service-options\.json|main\.bicepparam|snapshots\/[^/]+\.(snapshot\.json|bicepparam))|[^/]+\/contract\.ts)$/;
const MAX_BYTES = 100_000_000;

function reasonWithout(ref: string, error: unknown): string {
  const { code, stderr = "" } = error as { readonly code?: unknown; readonly stderr?: string };
  if (code === "ENOENT") return "git is missing: install it.";
  if (stderr.includes("not a git repository"))
    return "This folder is no git clone, so there is no commit to compare with.";
  return `"${ref}" names no commit of this clone. A shallow clone lacks older ones: git fetch --unshallow`;
}
