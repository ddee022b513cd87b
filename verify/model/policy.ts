/** The access policy as reports contain it: without the path of its schema. */
import type { Policy } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";

const { services, externalCallers }: Policy = accessPolicy;

export const policy: Policy = { services, ...(externalCallers !== undefined && { externalCallers }) };

/** Whether a kind of caller is a service or an external caller of the policy. */
export function isOfPolicy(caller: string): boolean {
  return Object.hasOwn(services, caller) || Object.hasOwn(externalCallers ?? {}, caller);
}
