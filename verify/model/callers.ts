/** The kinds of callers of the matrix. */
import type { Policy } from "@restricted-calls/shared/access-policy";
import type { CallerKind } from "./report.ts";

export interface MatrixCaller extends CallerKind {
  readonly token: TokenSource;
  readonly standing: Standing;
}

/** What decides about a caller, besides its network. */
export interface Standing {
  /** Whether Entra ID issues it a token for the service at all. */
  readonly assigned: boolean;
  /** Whether the service lists it as a caller. */
  readonly listed: boolean;
  /** The app roles in its token. */
  readonly roles: readonly string[];
  /** The refusal code of the defect in its token; null for a token without defect. */
  readonly flaw: string | null;
  /** Whether it has the key of the service's Functions host; absent: no. */
  readonly hasMasterKey?: true;
}

/** How it gets a token from the local Entra. `minted`: a token that Entra ID would not issue to it. */
export type TokenSource =
  | { readonly kind: "managed-identity"; readonly identity: string }
  | { readonly kind: "minted"; readonly identity: string; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly kind: "master-key" }
  | { readonly kind: "none" };

/**
 * Every kind of caller of a service: the other services and the external callers of the policy, and attackers. The local Entra knows
 * the identities.
 */
export function callersOf({ services, externalCallers = {} }: Policy, called: string): MatrixCaller[] {
  const service = services[called];
  if (service === undefined) throw new Error(`The access policy has no service ${called}.`);
  const [granted = "unlisted", roles = Object.keys(service.roles)] = Object.entries(service.callers)[0] ?? [];
  const good: Standing = { assigned: true, listed: true, roles, flaw: null };
  const firstRole = Object.keys(service.roles).slice(0, 1);
  return [
    ...Object.keys(services)
      .filter((name) => name !== called)
      .map((name) => callerOfPolicy(name, service.callers[name], "A service")),
    ...Object.keys(externalCallers).map((name) => callerOfPolicy(name, service.callers[name], "An external caller")),
    {
      id: "other-role",
      title: "An identity with another role",
      description: `Listed, and holds ${firstRole.join()} only.`,
      token: { kind: "managed-identity", identity: "reader-only" },
      standing: { ...good, roles: firstRole },
    },
    {
      id: "unassigned",
      title: "An unassigned identity",
      description: "Listed, and holds no role. Asks Entra ID for a token.",
      token: { kind: "managed-identity", identity: "no-role" },
      standing: { ...good, assigned: false, roles: [] },
    },
    {
      id: "no-role",
      title: "A listed identity, its token without a role",
      description: "As if Entra ID did not require an assignment.",
      token: { kind: "minted", identity: "no-role", claims: {} },
      standing: { ...good, roles: [] },
    },
    {
      id: "not-listed",
      title: "An identity with the roles, not listed",
      description: "Assigned by mistake or by an attacker. The service does not list it.",
      token: { kind: "managed-identity", identity: "unlisted" },
      standing: { ...good, listed: false },
    },
    {
      id: "delegated",
      title: "A user, through the granted app",
      description: "A delegated token, which has a scope.",
      token: { kind: "minted", identity: granted, claims: { scp: "user_impersonation", idtyp: "user" } },
      standing: { ...good, flaw: "not-app-only" },
    },
    {
      id: "other-tenant",
      title: "Another tenant's identity",
      description: "Has the same roles, in a token of its tenant.",
      token: { kind: "minted", identity: "other-tenant", claims: {} },
      standing: { ...good, flaw: "wrong-issuer" },
    },
    {
      id: "master-key",
      title: "The holder of the host's master key",
      description: "Has it from listkeys or from the host's storage, and no token.",
      token: { kind: "master-key" },
      standing: { ...good, flaw: "no-credentials", hasMasterKey: true },
    },
    {
      id: "no-token",
      title: "No token",
      description: "Sends no Authorization header.",
      token: { kind: "none" },
      standing: { ...good, flaw: "no-credentials" },
    },
  ];
}

/** The kinds of callers of several services, for a report: one entry for each id. */
export function callerKindsOf(policy: Policy, services: readonly string[]): CallerKind[] {
  const kinds = services.flatMap((called) => callersOf(policy, called).map((caller) => ({ called, ...caller })));
  return [...Map.groupBy(kinds, ({ id }) => id)].map(([id, same]) => {
    const [{ title, description } = { title: id, description: "" }] = same;
    const isAlike = same.every((kind) => kind.title === title && kind.description === description);
    if (isAlike) return { id, title, description };
    return {
      id,
      title: same.every((kind) => kind.title === title) ? title : id,
      description: same.map((kind) => `Of ${kind.called}: ${kind.description}`).join(" "),
    };
  });
}

function callerOfPolicy(name: string, roles: readonly string[] | undefined, kind: string): MatrixCaller {
  return {
    id: name,
    title: `${name}, ${roles === undefined ? "granted nothing" : "the granted identity"}`,
    description: roles === undefined ? `${kind} of the policy that may not call.` : `Holds ${roles.join(" and ")}.`,
    token: { kind: "managed-identity", identity: name },
    standing: { assigned: roles !== undefined, listed: roles !== undefined, roles: roles ?? [], flaw: null },
  };
}
