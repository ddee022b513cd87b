/** Replaces the guard while the application layer is switched off: lets everybody in. */
import { type createGuard as realGuard, withProblems } from "@restricted-calls/shared/functions";

const anybody = { appId: "", objectId: "", tenantId: "", roles: [], tokenId: undefined, tokenIssuedAt: undefined };

export const createGuard: typeof realGuard = () => (_requirement, handler) =>
  withProblems((request, context) => handler(request, anybody, context));
