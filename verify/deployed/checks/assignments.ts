/** Checks of the app role assignments. Deployments only add: a grant removed from the access policy remains in Entra ID. */
import type { PlannedCheck } from "../../model/plan.ts";
import { plannedCheck, shown } from "../check.ts";
import type { Assignment } from "../azure/directory.ts";
import { together } from "../azure/reading.ts";
import { provisionDirectory } from "../fixes.ts";
import { callerIds, callersOf, type DeploymentView, type ServiceView } from "../view.ts";

export function assignmentChecks(view: DeploymentView, service: ServiceView): PlannedCheck[] {
  const { name, registration, roles, callers } = service;
  if (registration === null) return [];
  const resource = `service principal of ${registration.uniqueName}`;
  const grants = Object.entries(callers).flatMap(([caller, held]) =>
    held.map((role) => ({ caller, role, roleId: roles[role]?.id ?? "" })),
  );
  return [
    ...callersOf(view, service).flatMap(({ name: caller, principalId }) =>
      grants
        .filter((grant) => grant.caller === caller)
        .map(({ role, roleId }) =>
          plannedCheck({
            id: `assignments/${name}/${caller}/${role}`,
            title: `${name}: ${role} for ${caller}`,
            resource,
            read: () => together({ assignments: registration.assignments, principal: principalId }),
            expected: `${caller} holds ${role}`,
            why: "Without it the caller's calls are refused: 403 role-missing, or no token at all.",
            found: ({ assignments, principal }) =>
              assignments.some((one) => one.principalId === principal && one.appRoleId === roleId)
                ? `${caller} holds ${role}`
                : `${caller} does not hold ${role}`,
            fix: provisionDirectory(view.deployment),
          }),
        ),
    ),
    plannedCheck({
      id: `assignments/${name}/outside-policy`,
      title: `${name}: principals with a role that the policy does not grant`,
      resource,
      read: () =>
        together({
          assignments: registration.assignments,
          principal: registration.servicePrincipal,
          callers: callerIds(view, service, "principalId"),
        }),
      expected: "nobody",
      why: "A principal with a role gets tokens for the service: they open one of the two layers.",
      found: (there) =>
        outside(there.assignments, there.callers)
          .map((assignment) => inWords(assignment, roles))
          .join("; ") || "nobody",
      fix: (there) =>
        outside(there.assignments, there.callers)
          .map(({ id }) => revocation(view, there.principal.id, id))
          .join("\n"),
    }),
  ];

  function outside(
    assignments: readonly Assignment[],
    principalIds: Readonly<Record<string, string>>,
  ): readonly Assignment[] {
    return assignments.filter(
      (assignment) =>
        !grants.some(
          ({ caller, roleId }) => principalIds[caller] === assignment.principalId && roleId === assignment.appRoleId,
        ),
    );
  }
}

function inWords(
  { appRoleId, principalId, principalType, principalDisplayName }: Assignment,
  roles: Readonly<Record<string, { readonly id: string }>>,
): string {
  const role = Object.entries(roles).find(([, { id }]) => id === appRoleId)?.[0] ?? `the role ${appRoleId}`;
  return `${shown(principalType)} "${shown(principalDisplayName)}" (${principalId}) holds ${role}`;
}

/** https://learn.microsoft.com/graph/api/serviceprincipal-delete-approleassignedto */
function revocation({ graphEndpoint }: DeploymentView, principal: string, assignment: string): string {
  return `az rest --method DELETE --url "${graphEndpoint}/v1.0/servicePrincipals/${principal}/appRoleAssignedTo/${assignment}"`;
}
