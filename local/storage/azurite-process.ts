/**
 * Runs a module of Azurite, which the first argument names, with the arguments after it, for as long as the parent holds
 * on to the IPC channel. The channel breaks when the parent lets go of it and also when the parent dies, however it dies:
 * one way to stop for both, and no process is left behind.
 */
import { createRequire } from "node:module";

/** Within this time, in milliseconds, the data are on disk, or the process ends without. */
const SHUTDOWN_LIMIT = 5_000;

process.once("disconnect", () => {
  // Azurite's own message for "close and save"; with the server closed nothing keeps this process alive.
  process.emit("message", "shutdown", undefined);
  setTimeout(() => process.exit(1), SHUTDOWN_LIMIT).unref();
});
if (!process.connected) process.exit(1); // the parent was gone before this process could listen for it

const [module = ""] = process.argv.splice(2, 1);
createRequire(import.meta.url)(`azurite/dist/src/${module}`);
