/**
 * One process start, as the Functions worker does it: requires an app and counts what it registers.
 * Arguments: the app's file (none: an empty Node process), and the folder of V8's compile cache, if one is used.
 * Prints one line of JSON: milliseconds since the process began, its processor time, and the functions registered.
 */
"use strict";
const Module = require("node:module");
const [file, cacheFolder] = process.argv.slice(2);
if (cacheFolder) Module.enableCompileCache(cacheFolder);

let functions = 0;
// The worker provides this module; the programming model registers its functions there.
const core = {
  version: "3.0.0",
  setProgrammingModel() {},
  registerFunction() {
    functions++;
    return { dispose() {} };
  },
  registerHook: () => ({ dispose() {} }),
};
const load = Module._load;
Module._load = (request, ...rest) => (request === "@azure/functions-core" ? core : load(request, ...rest));

if (file) require(file);
const wallMs = performance.now();
const { user, system } = process.cpuUsage();
if (cacheFolder) Module.flushCompileCache?.();
process.stdout.write(JSON.stringify({ wallMs, cpuMs: (user + system) / 1_000, functions }), () => process.exit(0));
