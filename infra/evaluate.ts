/** Evaluates the templates to snapshots, in a copy of them. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bicep } from "./bicep.ts";
import type { Snapshot } from "./snapshot.ts";

const root = join(import.meta.dirname, "..");

/** Made-up ids and names of a deployment, which appear in the snapshots. */
const DEPLOYMENT: readonly string[] = [
  "--subscription-id",
  "00000000-0000-0000-0000-000000000001",
  "--tenant-id",
  "00000000-0000-0000-0000-000000000002",
  "--location",
  "westeurope",
  "--deployment-name",
  "snapshot",
];

/** A copy of the templates and the access policy, which tests may change. */
export interface Scratch {
  /** The copy's `infra` folder. */
  readonly infra: string;
  /** The copy's access policy. */
  readonly policyFile: string;
  remove(): void;
}

/** @param example the folder of another access policy and service options, in place of the repository's */
export function scratchCopy(example?: string): Scratch {
  const folder = mkdtempSync(join(tmpdir(), "infra-"));
  const infra = join(folder, "infra");
  const policyFile = join(folder, "shared", "access-policy.json");
  mkdirSync(join(folder, "shared"));
  cpSync(join(example ?? join(root, "shared"), "access-policy.json"), policyFile);
  cpSync(join(root, "infra"), infra, { recursive: true, filter: (path) => !path.includes("node_modules") });
  if (example !== undefined) cpSync(join(example, "service-options.json"), join(infra, "service-options.json"));
  return {
    infra,
    policyFile,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Evaluates a parameter file of a scratch copy.
 *
 * @param name the name of a file in the copy's folder `snapshots`
 * @param resourceGroup for a template whose scope is a resource group; without it, the scope is the subscription
 * @returns the snapshot, as text
 * @throws Error with the compiler's output
 */
export function evaluate(bicep: Bicep, { infra }: Scratch, name: string, resourceGroup?: string): string {
  const output = join(infra, "snapshots", `${name}.snapshot.json`);
  rmSync(output, { force: true });
  const group = resourceGroup === undefined ? [] : ["--resource-group", resourceGroup];
  const { stdout, stderr } = bicep.run(
    ["snapshot", join("snapshots", `${name}.bicepparam`), "--mode", "overwrite", ...DEPLOYMENT, ...group],
    infra,
  );
  try {
    return inOrder(readFileSync(output, "utf8"));
  } catch {
    throw new Error(`${name}: ${stderr.trim() || stdout.trim() || "the compiler wrote no snapshot"}`);
  }
}

/** The same, parsed. */
export function evaluated(bicep: Bicep, scratch: Scratch, name: string, resourceGroup?: string): Snapshot {
  return JSON.parse(evaluate(bicep, scratch, name, resourceGroup)) as Snapshot;
}

/** Sorts the outputs: the compiler writes them in no fixed order. */
function inOrder(snapshot: string): string {
  const { outputs, ...others } = JSON.parse(snapshot) as { readonly outputs?: object };
  const sorted = Object.fromEntries(Object.entries(outputs ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ ...others, outputs: sorted }, null, 2)}\n`;
}
