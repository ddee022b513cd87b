// The types of the access policy, shared/access-policy.json.
import type policy from "./access-policy.json";

/** The one source of truth: who may call whom, with which roles. Bicep, the apps, the local Entra and the proof read it. */
export type AccessPolicy = typeof policy;

type Services = AccessPolicy["services"];

/** A service of this system, as the access policy names it. */
export type ServiceName = keyof Services;

/** An app role that the service exposes. A misspelt role does not compile. */
export type AppRole<Service extends ServiceName> = keyof Services[Service]["roles"] & string;
