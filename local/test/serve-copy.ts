/**
 * Runs a local system for a test that works on a copy of this repository: it is the copy's own code that runs then. Tells
 * the parent its endpoints and what it logged, and stops when the parent lets go of the channel.
 */
import { startTestSystem } from "../system/test-system.ts";

const system = await startTestSystem();
process.send?.({ endpoints: system.endpoints, log: system.log });
process.once("disconnect", () => {
  void system.stop().finally(() => process.exit());
});
