/** The public entry of `local/`: other workspaces import no other file of it. */
export { makeCertificates, makeClientCertificate } from "./certificates/make-certificates.ts";
export { DEMO_SCHEDULE, runDemos } from "./demo/once.ts";
export { directoryOf } from "./entra/directory.ts";
export { forgeOf, mintToken } from "./entra/client.ts";
export { parseAccessRestrictions } from "./front-end/access-restrictions.ts";
export { startFrontEnd } from "./front-end/front-end.ts";
export { networkOf } from "./front-end/networks.ts";
export { type AppInstance, appInstance, isCrash } from "./host/app-instance.ts";
export { type FunctionsHost, startFunctionsHost } from "./host/functions-host.ts";
export { createRouter, decodePath, removeDotSegments } from "./host/http/routes.ts";
export { readLocalSettings } from "./host/local-settings.ts";
export type { RegisteredFunction } from "./host/worker/protocol.ts";
export { WorkerProcess } from "./host/worker/worker-process.ts";
export { startTestStorage, tableOf, type TestStorage } from "./storage/test-storage.ts";
export { placeholderSettings } from "./system/app-settings.ts";
export {
  readAuditEvents,
  readNetworkRefusals,
  type RecordedEvent,
  type RecordedRefusal,
} from "./system/audit-events.ts";
export { requireCoreTools } from "./system/core-tools.ts";
export { type Endpoints, runningEndpoints } from "./system/endpoints.ts";
export { funcInstance } from "./system/func-instance.ts";
export { freePort, freePorts } from "./system/ports.ts";
export { startSystem } from "./system/system.ts";
export { startTestSystem, type TestSystem } from "./system/test-system.ts";
