import { type PlannedCheck, question, shown } from "../check.ts";
import type { Assignment } from "../azure/directory.ts";
import { together } from "../azure/reading.ts";
import { callerIds, policy, provisionDirectory, type Scene, type SceneService } from "../view.ts";

/**
 * Who holds which role, as Entra ID knows it. A grant that is taken out of the access policy is not taken away there:
 * deployments only add.
 */
export function assignmentChecks(scene: Scene, { name, api }: SceneService): PlannedCheck[] {
  if (api === null) return [];
  const { roles = {}, callers = {} } = policy.services[name] ?? {};
  const resource = `service principal of ${api.uniqueName}`;
  const grants = Object.entries(callers).flatMap(([caller, held]) =>
    held.map((role) => ({ caller, role, roleId: roles[role]?.id ?? "" })),
  );
  const principals = scene.services.filter((service) => service.name in callers);
  return [
    ...principals.flatMap(({ name: caller, principalId }) =>
      grants
        .filter((grant) => grant.caller === caller)
        .map(({ role, roleId }) =>
          question({
            id: `assignments/${name}/${caller}/${role}`,
            title: `${name}: ${role} for ${caller}`,
            resource,
            read: () => together({ assignments: api.assignments, principal: principalId }),
            expected: `${caller} holds ${role}`,
            why: "Without it the caller's calls are refused: 403 role-missing, or no token at all.",
            found: ({ assignments, principal }) =>
              assignments.some((one) => one.principalId === principal && one.appRoleId === roleId)
                ? `${caller} holds ${role}`
                : `${caller} does not hold ${role}`,
            mend: provisionDirectory(scene),
          }),
        ),
    ),
    question({
      id: `assignments/${name}/outside-policy`,
      title: `${name}: who holds a role besides those that the policy names`,
      resource,
      read: () =>
        together({
          assignments: api.assignments,
          principal: api.servicePrincipal,
          callers: callerIds(scene, name, "principalId"),
        }),
      expected: "nobody",
      why: "Whoever holds a role gets tokens for the service, and with them past one of the two layers.",
      found: (there) =>
        outside(there.assignments, there.callers)
          .map((assignment) => inWords(assignment, roles))
          .join("; ") || "nobody",
      mend: (there) =>
        outside(there.assignments, there.callers)
          .map(({ id }) => revocation(scene, there.principal.id, id))
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
function revocation({ graphEndpoint }: Scene, principal: string, assignment: string): string {
  return `az rest --method DELETE --url "${graphEndpoint}/v1.0/servicePrincipals/${principal}/appRoleAssignedTo/${assignment}"`;
}
