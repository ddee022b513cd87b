import { apps } from "../../tools/build.ts";
import type { AppName } from "./app-settings.ts";

/** Node's own default; .vscode/launch.json attaches by it. */
export const defaultInspectPort = 9229;

/** The apps' inspectors, side by side. */
export function inspectPorts(first: number): Readonly<Record<AppName, number>> {
  return Object.fromEntries(apps.map((app, i) => [app, first + i])) as Record<AppName, number>;
}
