/**
 * The process of Azurite: runs the module that the first argument names, with the further arguments, until the IPC channel
 * closes. It closes when the parent disconnects or dies, so no process outlives its parent.
 *
 * Sends the port of each server that listens, in their order, over the channel: Azurite itself only prints them.
 */
import { subscribe } from "node:diagnostics_channel";
import { createRequire } from "node:module";
import type { AddressInfo, Server } from "node:net";

/** After this time the process ends, even if the data are not on disk. */
const SHUTDOWN_LIMIT_MS = 5_000;

process.once("disconnect", () => {
  // Azurite's own message for "close and save". With the server closed, nothing keeps this process alive.
  process.emit("message", "shutdown", undefined);
  setTimeout(() => process.exit(1), SHUTDOWN_LIMIT_MS).unref();
});
if (!process.connected) process.exit(1); // the parent ended before the listener above was there

// https://nodejs.org/api/diagnostics_channel.html#net
subscribe("tracing:net.server.listen:asyncEnd", (message) => {
  const { server } = message as { server: Server };
  process.send?.((server.address() as AddressInfo).port);
});

const [module = ""] = process.argv.splice(2, 1);
createRequire(import.meta.url)(`azurite/dist/src/${module}`);
