/** What a new service changes in the files that all services share. */
import { settingPrefix } from "@restricted-calls/shared/access-policy";
import { startScript } from "../service-names.ts";
import type { NewService, Services } from "./service.ts";

type Json = Record<string, unknown>;

/** A file of the repository, and what becomes of its text. */
export type FileChange = readonly [file: string, change: (text: string) => string];

/**
 * @param services those of the access policy, with the new one
 * @param manifest the new service's package.json
 */
export function changesFor(service: NewService, services: Services, manifest: Json): readonly FileChange[] {
  const { name, offers } = service;
  const lock = inJson((record) => withLock(record, name, manifest, services));
  return [
    ["shared/access-policy.json", inJson((policy) => ({ ...policy, services }))],
    [
      "infra/service-options.json",
      // A service behind the guard has an operation for the platform's health check.
      inJson((options) => (offers.length > 0 ? { ...options, [name]: { healthCheckPath: "/api/health" } } : options)),
    ],
    ["local.settings.sample.json", inJson((sample) => withSettings(sample as unknown as Sample, service))],
    [
      "package.json",
      inJson((root) => withScript({ ...root, workspaces: withWorkspace(root["workspaces"], services) }, name)),
    ],
    ["package-lock.json", lock],
    ["node_modules/.package-lock.json", lock],
    ["azure.yaml", (text) => withDeployment(text, name)],
    [".vscode/launch.json", inJson((launch) => withDebugger(launch as unknown as Launch, name))],
  ];
}

/** With the service in npm's record. Without it, the next command would install everything again. */
function withLock(lock: Json, name: string, manifest: Json, services: Services): Json {
  const { name: packageName, version, dependencies } = manifest;
  const packages = Object.entries(lock["packages"] as Record<string, Json>).map(([path, found]) => {
    // The record of what is installed has no entry for the repository itself.
    return [
      path,
      path === "" ? { ...found, workspaces: withWorkspace(found["workspaces"], services) } : found,
    ] as const;
  });
  const added = [
    [name, { name: packageName, version, dependencies }],
    [`node_modules/${String(packageName)}`, { resolved: name, link: true }],
  ] as const;
  for (const entry of added) {
    // npm sorts by path.
    const next = packages.findIndex(([path]) => path.localeCompare(entry[0], "en") > 0);
    packages.splice(next === -1 ? packages.length : next, 0, entry);
  }
  return { ...lock, packages: Object.fromEntries(packages) };
}

function inJson(change: (value: Json) => object): (text: string) => string {
  return (text) => JSON.stringify(change(JSON.parse(text) as Json), null, 2);
}

/** After the last other service. */
function withWorkspace(workspaces: unknown, services: Services): string[] {
  const names = Object.keys(services);
  const added = names.at(-1) ?? "";
  const list = workspaces as string[];
  const at = list.findLastIndex((folder) => names.includes(folder)) + 1;
  return list.toSpliced(at, 0, added);
}

/** With the command that runs the app under Core Tools, after those of other services. */
function withScript(manifest: Json, name: string): Json {
  const scripts = Object.entries(manifest["scripts"] as Record<string, string>);
  const at = scripts.findLastIndex(([script]) => script.startsWith("start")) + 1;
  const added = [startScript(name), `node tools/run.mjs local/commands/func.ts ${name}`] as const;
  return { ...manifest, scripts: Object.fromEntries(scripts.toSpliced(at, 0, [...added])) };
}

interface Sample {
  readonly Values: Readonly<Record<string, string>>;
}

/** With a description of each setting that no other service has: the values are for a person to fill in. */
function withSettings(sample: Sample, { name, calls }: NewService): Sample {
  const called = calls.flatMap(({ service }) => [
    [`${settingPrefix(service)}_URL`, `<origin of ${service}, as the subnet of its caller reaches it>`],
    [`${settingPrefix(service)}_SCOPE`, `<${service}'s App ID URI, followed by /.default>`],
  ]);
  const settings = {
    DATA_TABLE_ENDPOINT: `<table endpoint of ${name}'s storage account>`,
    ...(Object.fromEntries(called) as Record<string, string>),
  };
  return { ...sample, Values: { ...sample.Values, ...without(settings, Object.keys(sample.Values)) } };
}

function without<T>(record: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

/** In alphabetical order, like the other services there. */
function withDeployment(text: string, name: string): string {
  const lines = text.split("\n");
  const begin = lines.indexOf("services:") + 1;
  if (begin === 0) throw new Error('azure.yaml has no line "services:".');
  const length = lines.slice(begin).findIndex((line) => /^\S/.test(line));
  const end = length === -1 ? lines.length : begin + length;
  const next = lines.findIndex((line, i) => {
    const [, other = ""] = /^ {2}([a-z0-9-]+):$/.exec(line) ?? [];
    return i >= begin && i < end && other > name;
  });
  const hook = (event: string, script: string): string[] => [
    `      ${event}:`,
    "        windows:",
    "          shell: pwsh",
    `          run: node ../tools/run.mjs ${script} ${name}; exit $LASTEXITCODE`,
    "        posix:",
    "          shell: sh",
    `          run: node ../tools/run.mjs ${script} ${name}`,
  ];
  const entry = [
    `  ${name}:`,
    `    project: ./${name}`,
    "    language: custom",
    "    host: function",
    `    dist: dist/${name}`,
    "    hooks:",
    ...hook("prepackage", "tools/build.ts"),
    ...hook("postdeploy", "infra/hooks/after-service.ts"),
  ];
  return lines.toSpliced(next === -1 ? end : next, 0, ...entry).join("\n");
}

interface Launch {
  readonly configurations: readonly { readonly name: string; readonly port: number }[];
  readonly compounds: readonly { readonly configurations: readonly string[] }[];
}

/** Like the entries of the others. The inspectors listen side by side, in the order of the policy. */
function withDebugger(launch: Launch, service: string): Launch {
  const name = `Attach to ${service}`;
  const port = Math.max(...launch.configurations.map((one) => one.port)) + 1;
  const configuration = {
    name,
    type: "node",
    request: "attach",
    address: "127.0.0.1",
    port,
    restart: true,
    sourceMaps: true,
    outFiles: [`\${workspaceFolder}/dist/${service}/main.js`],
    resolveSourceMapLocations: ["${workspaceFolder}/dist/**"],
    skipFiles: ["<node_internals>/**"],
  };
  return {
    ...launch,
    configurations: [...launch.configurations, configuration],
    compounds: launch.compounds.map((compound, i) =>
      i === 0 ? { ...compound, configurations: [...compound.configurations, name] } : compound,
    ),
  };
}
