// The linter: rules, and what each workspace may import.
import { readFileSync } from "node:fs";
import js from "@eslint/js";
import tseslint from "typescript-eslint";

/** The services of the access policy, each an app in the folder of its name. */
const policy = JSON.parse(readFileSync(`${import.meta.dirname}/shared/access-policy.json`, "utf8"));
const apps = Object.keys(policy.services);

/** The folders of the repository, and the other folders that each of them may import. */
const mayImport = {
  shared: [],
  tools: ["shared"],
  infra: ["shared", "tools"],
  local: ["shared", "tools", "infra"],
  verify: ["shared", "tools", "infra", "local"],
  chaos: ["shared", "tools", "local"],
  bench: ["shared", "tools", "local"],
  ...Object.fromEntries(apps.map((app) => [app, ["shared"]])),
};
const folders = Object.keys(mayImport);

/** Folders that test files may import besides: tests start the system or its storage, or read the evaluated templates. */
const mayImportInTests = (folder) => (folder === "shared" ? ["local"] : ["tools", "local", "infra"]);

/** Folders that benchmarks of a service may import besides. */
const MAY_IMPORT_IN_BENCHES = ["tools", "local", "chaos", "bench"];

const SCOPE = "@restricted-calls/";

/** The path to other workspaces from a file that is so many folders below its own workspace. */
const above = (depth) => `^(\\.\\./){${depth + 1}}`;
/** The largest number of folders between a workspace and a file. */
const DEPTHS = [0, 1, 2, 3];
const atDepth = (folder, depth) => `${folder}/${"*/".repeat(depth)}*.ts`;

/**
 * The public files of a workspace: the exports of package.json for `shared/`, the index.ts at the top for `local/`, and for
 * other workspaces the files at the top and the index.ts of a folder.
 */
const deepImports = (up) => [
  { regex: `${up}shared/`, message: `Import it from ${SCOPE}shared (package.json, exports).` },
  { regex: `${up}local/(?!index\\.ts$)`, message: "Import it from local/index.ts." },
  {
    regex: `${up}(${folders.join("|")})/([^/]+/)+(?!index\\.ts$)`,
    message: "Import a public file of the workspace: a file at its top, or a folder's index.ts.",
  },
];

/**
 * The first file measures a cold start, and the rest of local/ would make it longer. The second one measures the parts of the
 * outbox, and the third one a copy of this repository.
 */
const mayImportDeeply = ["bench/cold-start-process.ts", "bench/delivery.ts", "bench/growth.ts"];
/** Files that only tests share. */
const forTests = "(tools/testing/|infra/test/(expected|mutations/index)\\.ts$)";

/** The folders of a workspace that may import only some of the others. Other folders may import all of them. */
const mayImportWithin = {
  verify: {
    model: [],
    local: ["model"],
    deployed: ["model"],
    report: ["model"],
    explain: ["model", "deployed", "report"],
  },
};

const restrictImports = (folder, depth, allowed, { isTest = false, own = [] } = {}) => ({
  "no-restricted-imports": [
    "error",
    {
      patterns: [
        ...folders
          .filter((other) => other !== folder && !allowed.includes(other))
          .map((other) => ({
            regex: `${above(depth)}${other}/|^${SCOPE}${other}(/|$)`,
            message: `${folder}/ does not import ${other}/ (eslint.config.js, mayImport).`,
          })),
        ...own.map((other) => ({
          regex: `^(\\.\\./){${depth}}${other}/`,
          message: `This folder of ${folder}/ does not import ${other}/ (eslint.config.js, mayImportWithin).`,
        })),
        ...(folder === "shared"
          ? []
          : deepImports(above(depth)).map(({ regex, message }) => ({
              regex: isTest ? `(?!${above(depth)}${forTests})${regex}` : regex,
              message,
            }))),
      ],
    },
  ],
});

const importRules = (folder) =>
  DEPTHS.flatMap((depth) => [
    {
      files: [atDepth(folder, depth)],
      ignores: mayImportDeeply,
      rules: restrictImports(folder, depth, mayImport[folder]),
    },
    ...Object.entries(mayImportWithin[folder] ?? {}).map(([inner, others]) => ({
      files: depth === 0 ? [] : [atDepth(`${folder}/${inner}`, depth - 1)],
      rules: restrictImports(folder, depth, mayImport[folder], {
        own: Object.keys(mayImportWithin[folder]).filter((other) => other !== inner && !others.includes(other)),
      }),
    })),
    {
      files: depth === 0 ? [] : [atDepth(`${folder}/test`, depth - 1)],
      rules: restrictImports(folder, depth, [...mayImport[folder], ...mayImportInTests(folder)], { isTest: true }),
    },
    {
      files: depth === 1 && apps.includes(folder) ? [`${folder}/bench/*.ts`] : [],
      rules: restrictImports(folder, depth, [...mayImport[folder], ...MAY_IMPORT_IN_BENCHES]),
    },
  ]).filter(({ files }) => files.length > 0);

/** Only `tools/access-policy.ts` loads these two files, because it validates them. Every file may import their types. */
const validatedPolicyOnly = {
  "@typescript-eslint/no-restricted-imports": [
    "error",
    {
      patterns: [
        {
          regex: "/(access-policy|service-options)\\.json$",
          allowTypeImports: true,
          message: "Import accessPolicy or serviceOptions from tools/access-policy.ts.",
        },
      ],
    },
  ],
};

/** Only `shared/on-demand/` loads packages that a start does not need. An import elsewhere would load them at the start. */
const onDemandOnly = {
  "@typescript-eslint/no-restricted-imports": [
    "error",
    {
      paths: ["@azure/core-rest-pipeline", "@azure/data-tables", "@azure/identity", "axios"].map((name) => ({
        name,
        allowTypeImports: true,
        message: "Load it by shared/on-demand.",
      })),
    },
  ],
};

const writeFileElsewhere = {
  selector: "ImportDeclaration[source.value=/^node:fs/] > ImportSpecifier[imported.name=/^writeFile/]",
  message: "Import it from tools/write-file.ts, whose errors name the file.",
};

/** HTTP functions are registered by `shared/functions/register.ts` alone, where each says who may call it. */
const httpFunctionElsewhere = [
  "MemberExpression[object.name='app'][property.name=/^(http|get|put|post|patch|deleteRequest|generic)$/]",
  "MemberExpression[object.name='app'][computed=true]",
  // The rules above do not recognise another name.
  "VariableDeclarator[init.name='app']",
  "ImportDeclaration[source.value='@azure/functions'] > ImportSpecifier[imported.name='app'][local.name!='app']",
  "ImportDeclaration[source.value='@azure/functions'] > :matches(ImportDefaultSpecifier, ImportNamespaceSpecifier)",
  "ImportExpression[source.value='@azure/functions']",
  ":matches(ExportNamedDeclaration, ExportAllDeclaration)[source.value='@azure/functions']",
].map((selector) => ({
  selector,
  message: "Register an HTTP function by api.http, keyHttp or publicHttp (shared/functions/register.ts).",
}));

/**
 * Tools read the contract of a service, and it states again what the code does: neither imports the other. `tools/contracts.ts`
 * loads contracts, by the names of the services.
 */
const contractsApart = apps.flatMap((app) => [
  {
    files: [`${app}/src/**/*.ts`],
    rules: {
      "no-restricted-syntax": [
        "error",
        writeFileElsewhere,
        ...httpFunctionElsewhere,
        {
          selector:
            ":matches(ImportDeclaration, ImportExpression, ExportNamedDeclaration, ExportAllDeclaration)[source.value=/(contract|chaos)(\\.ts)?$|\\/bench\\//]",
          message: "An app does not import its contract: it is for tools, and no bundle contains it.",
        },
      ],
    },
  },
  {
    files: [`${app}/contract.ts`, `${app}/chaos.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              regex: `^(?!${SCOPE}shared/(contract|contract-chaos|problem)$|\\./chaos\\.ts$)`,
              message: `A contract imports ${SCOPE}shared/contract only, and its chaos.ts: it repeats what the code does, and uses none of it.`,
            },
          ],
        },
      ],
    },
  },
]);

export default tseslint.config(
  // The examples are no workspaces: their tests install what they import, and compile them.
  { ignores: ["dist/", ".local/", "examples/", "**/node_modules/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-definitions": ["error", "interface"],
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true, argsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
    },
  },
  {
    files: ["**/*.mjs"],
    languageOptions: {
      globals: { process: "readonly", console: "readonly", setInterval: "readonly", clearInterval: "readonly" },
    },
  },
  { files: ["*.ts", "{tools,infra,local,verify,chaos,bench}/**/*.ts"], rules: validatedPolicyOnly },
  ...folders.flatMap(importRules),
  {
    files: ["**/*.ts"],
    ignores: ["tools/write-file.ts", "**/test/**", "**/testing/**"],
    rules: { "no-restricted-syntax": ["error", writeFileElsewhere, ...httpFunctionElsewhere] },
  },
  ...contractsApart,
  { files: ["shared/functions/register.ts"], rules: { "no-restricted-syntax": ["error", writeFileElsewhere] } },
  {
    files: ["shared/**/*.ts", ...apps.map((app) => `${app}/src/**/*.ts`)],
    ignores: ["shared/on-demand/*.ts", "shared/test/**"],
    rules: onDemandOnly,
  },
);
