import js from "@eslint/js";
import tseslint from "typescript-eslint";

/** The rooms of the house and what each may import (docs: "The house"). A room that is not listed imports nothing of ours. */
const mayNotImport = (...rooms) => ({
  "no-restricted-imports": [
    "error",
    { patterns: rooms.map((room) => ({ regex: `(^|/)${room}(/|$)`, message: "This room may not import that one." })) },
  ],
});

export default tseslint.config(
  { ignores: ["dist/", ".local/", "**/node_modules/"] },
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
  { files: ["shared/**/*.ts"], rules: mayNotImport("caller-func", "callee-func", "local", "verify", "bench", "infra") },
  { files: ["infra/**/*.ts"], rules: mayNotImport("caller-func", "callee-func", "local", "verify", "bench") },
  { files: ["caller-func/src/**/*.ts"], rules: mayNotImport("callee-func", "local", "verify", "bench", "infra") },
  { files: ["callee-func/src/**/*.ts"], rules: mayNotImport("caller-func", "local", "verify", "bench", "infra") },
);
