import type { AppName } from "./app-settings.ts";

/** Node's own default; .vscode/launch.json attaches by it. */
export const defaultInspectPort = 9229;

/** The apps' inspectors, side by side. */
export function inspectPorts(first: number): Readonly<Record<AppName, number>> {
  return { "caller-func": first, "callee-func": first + 1 };
}
