/**
 * The worker: a child process that loads the staged app and runs its functions. worker-process.ts starts it with the app's
 * folder as its only argument, and sends it messages.
 */
import { globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { HostMessage, LogLevel, WorkerMessage } from "./protocol.ts";
import { app, provideCoreModule, runHooks } from "./core-api.ts";
import { appHookData, invoke, toRpcException } from "./invocation.ts";

/** Data shared by the hooks that belong to the app as a whole (`appStart`, `appTerminate`). */
const hookData = {};
const appFolder = resolve(process.argv[2] ?? ".");

// The worker ends with its host, however that ends.
process.on("disconnect", () => process.exit(0));
// Ctrl-C reaches the whole process group, but the host ends the worker: calls in flight come first.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => undefined);
process.on("uncaughtException", failLoading);
provideCoreModule(log);
try {
  await loadApp();
} catch (error) {
  failLoading(error);
}

async function loadApp(): Promise<void> {
  const { main, type } = readPackageJson();
  const files = globSync(main, { cwd: appFolder });
  if (files.length === 0) throw new Error(`package.json names "${main}" as main, but ${appFolder} has no such file`);
  for (const file of files) await loadFile(join(appFolder, file), type);
  await runHooks("appStart", { hookData, appHookData, functionAppDirectory: appFolder });

  app.loaded = true;
  const capabilities = (await app.programmingModel?.getCapabilities?.({})) ?? {};
  process.off("uncaughtException", failLoading);
  process.on("message", receive);
  // As JSON, as in the real protocol: a binding may also contain functions, which cannot be sent.
  const functions = JSON.parse(JSON.stringify([...app.functions.values()].map(({ metadata }) => metadata))) as never;
  send({ type: "loaded", functions, httpStreams: "HttpUri" in capabilities });
}

function readPackageJson(): { readonly main: string; readonly type: string | undefined } {
  const file = join(appFolder, "package.json");
  const { main, type } = JSON.parse(readFileSync(file, "utf8")) as { main?: string; type?: string };
  if (main === undefined) throw new Error(`${file} names no "main": the file that registers the app's functions`);
  return { main, type };
}

async function loadFile(file: string, type: string | undefined): Promise<void> {
  const isModule = file.endsWith(".mjs") || (type === "module" && !file.endsWith(".cjs"));
  if (isModule) await import(pathToFileURL(file).href);
  else createRequire(file)(file);
}

function receive(message: HostMessage): void {
  if (message.type === "terminate") void terminate();
  else
    void invoke(message.request, log).then((response) => {
      send({ type: "response", response });
    });
}

async function terminate(): Promise<void> {
  try {
    await runHooks("appTerminate", { hookData, appHookData });
  } catch (error) {
    log("error", "Worker", `An appTerminate hook failed: ${toRpcException(error).stackTrace}`);
  }
  // Queued messages are sent before the disconnection, at which the listener above ends the process.
  process.disconnect();
}

function failLoading(error: unknown): void {
  const { message, stackTrace: stack } = toRpcException(error);
  process.send?.({ type: "loadFailed", message, stack } satisfies WorkerMessage, () => process.exit(1));
}

function log(level: LogLevel, category: string, message: string): void {
  send({ type: "log", level, category, message });
}

function send(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}
