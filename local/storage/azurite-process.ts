/**
 * Runs a module of Azurite, which the first argument names, with the arguments after it, for as long as the parent holds
 * on to the IPC channel. The channel breaks when the parent lets go of it and also when the parent dies, however it dies:
 * one way to stop for both, and no process is left behind.
 *
 * Over the channel it tells the port of each server that listens, in their order. Azurite itself only prints them.
 */
import { subscribe } from "node:diagnostics_channel";
import { createRequire } from "node:module";
import type { AddressInfo, Server } from "node:net";

/** Within this time, in milliseconds, the data are on disk, or the process ends without. */
const SHUTDOWN_LIMIT = 5_000;

process.once("disconnect", () => {
  // Azurite's own message for "close and save"; with the server closed nothing keeps this process alive.
  process.emit("message", "shutdown", undefined);
  setTimeout(() => process.exit(1), SHUTDOWN_LIMIT).unref();
});
if (!process.connected) process.exit(1); // the parent was gone before this process could listen for it

// https://nodejs.org/api/diagnostics_channel.html#net
subscribe("tracing:net.server.listen:asyncEnd", (message) => {
  const { server } = message as { server: Server };
  process.send?.((server.address() as AddressInfo).port);
});

const [module = ""] = process.argv.splice(2, 1);
createRequire(import.meta.url)(`azurite/dist/src/${module}`);
