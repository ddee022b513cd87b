/** Adds services to copies of this repository. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileSync } from "../write-file.ts";

/**
 * Runs `npm run new:service` in a copy.
 *
 * @throws Error with what it prints, if it fails
 */
export function newService(folder: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(process.execPath, ["tools/new-service.ts", ...args], {
    cwd: folder,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`npm run new:service -- ${args.join(" ")}: ${stderr}`);
}

/** Runs a command line of a page, `npm run new:service -- ...`, in a copy. */
export function followNewService(line: string, folder: string): void {
  const [, args = ""] = /^npm run new:service -- (.*)$/.exec(line) ?? [];
  newService(folder, ...args.split(" "));
}

interface Site {
  readonly type: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly properties: { readonly siteConfig: { readonly ipSecurityRestrictions: readonly AccessRule[] } };
}

interface AccessRule {
  readonly name: string;
  readonly vnetSubnetResourceId?: string;
  readonly ipAddress?: string;
}

/**
 * Does to the sites of a copy's default snapshot what `npm run infra:check -- --update` does after a change of the access policy:
 * a site for each service, and rules for each caller. docs-make-it-yours-templates.test.ts evaluates the templates instead.
 */
export function updateSnapshot(folder: string): void {
  const file = join(folder, "infra", "snapshots", "default.snapshot.json");
  const snapshot = JSON.parse(readFileSync(file, "utf8")) as { readonly predictedResources: Site[] };
  const policy = JSON.parse(readFileSync(join(folder, "shared", "access-policy.json"), "utf8")) as {
    readonly services: Readonly<Record<string, { readonly callers: object }>>;
    readonly externalCallers?: Readonly<
      Record<string, { readonly subnet?: string; readonly addressRanges?: string[] }>
    >;
  };
  const serviceOf = ({ type, tags }: Site): string | undefined =>
    type === "Microsoft.Web/sites" ? tags?.["azd-service-name"] : undefined;
  const rulesOf = ({ properties }: Site): readonly AccessRule[] => properties.siteConfig.ipSecurityRestrictions;
  const isOfCaller = ({ vnetSubnetResourceId }: AccessRule): boolean => vnetSubnetResourceId !== undefined;
  const model = snapshot.predictedResources.find(
    (site) => serviceOf(site) !== undefined && rulesOf(site).some(isOfCaller),
  );
  const rule = model && rulesOf(model).find(isOfCaller);
  if (model === undefined || rule === undefined) throw new Error(`${file} has no rule for a caller.`);

  const sites = Object.entries(policy.services).map(([service, { callers }]): Site => {
    const found = snapshot.predictedResources.find((site) => serviceOf(site) === service);
    // Without callers, the rules do not follow from the policy.
    if (found !== undefined && Object.keys(callers).length === 0) return found;
    const ipSecurityRestrictions = Object.keys(callers).flatMap((caller): AccessRule[] => {
      const own = rule.vnetSubnetResourceId?.replace(/[^/]+$/, caller) ?? "";
      const { subnet = own, addressRanges } = policy.externalCallers?.[caller] ?? {};
      const { vnetSubnetResourceId: _, ...others } = { ...rule, name: caller };
      if (addressRanges === undefined) return [{ ...others, vnetSubnetResourceId: subnet }];
      return addressRanges.map((ipAddress) => ({ ...others, ipAddress }));
    });
    const { properties } = found ?? model;
    return {
      ...(found ?? { ...model, tags: { ...model.tags, "azd-service-name": service } }),
      properties: { ...properties, siteConfig: { ...properties.siteConfig, ipSecurityRestrictions } },
    };
  });
  const others = snapshot.predictedResources.filter((site) => serviceOf(site) === undefined);
  writeFileSync(file, `${JSON.stringify({ ...snapshot, predictedResources: [...others, ...sites] }, null, 2)}\n`);
}
