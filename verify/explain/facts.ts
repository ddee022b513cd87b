/** What decides at each point of a call: the fact, the source of the rule, and the fix. */
import type { ExternalCaller, Policy } from "@restricted-calls/shared/access-policy";
import type { JsonPath } from "../../tools/json-text.ts";
import { placeOf, policyLine, textLine } from "../../tools/source-lines.ts";
import type { StepId } from "../model/expectations.ts";
import type { Operation, Outcome } from "../model/report.ts";
import { refusalCodeRow } from "./refusal-codes.ts";

export interface Fact {
  /** One sentence or two. */
  readonly fact: string;
  /** Files with their lines, and app settings. */
  readonly sources: readonly string[];
  /** Null where the call goes on. */
  readonly fix: string | null;
}

/** What is known about a call. */
export interface About {
  readonly policy: Policy;
  readonly operation: Pick<Operation, "service" | "role"> & {
    /** As file and line. */
    readonly place: string;
    /** Of an endpoint of the Functions host, such as `GET /`. */
    readonly call: string;
  };
  /** Who calls, in a word; null for a caller that no valid token names. */
  readonly who: string | null;
  /** Its network; null if only the fact that it was admitted is known. */
  readonly origin: { readonly callerOf: string | null; readonly title: string } | null;
  readonly token: {
    /** Whether the call has one at all. */
    readonly sent: boolean;
    /** Its app roles; null if they are not known. */
    readonly roles: readonly string[] | null;
    /** When Entra ID issued it, in seconds since 1970. */
    readonly issuedAt?: number | undefined;
  };
}

/** @param ends as in the step of the model; null for a call that goes on */
export function factOf(step: StepId, about: About, ends: Outcome | null): Fact {
  return FACTS[step](about, ends);
}

export const TITLES: Readonly<Record<StepId, string>> = {
  token: "Token from Entra ID",
  network: "Access restrictions",
  host: "Functions host",
  "token-check": "Token check",
  "allow-list": "Allow-list",
  role: "App role",
};

const SITE = "infra/modules/site.bicep";
const SERVICE = "infra/modules/service.bicep";
const ENTRA = "infra/modules/entra.bicep";

const TOKEN_CACHE =
  "https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identity-best-practice-recommendations" +
  "#limitation-of-using-managed-identities-for-authorization";

const FACTS: Readonly<Record<StepId, (about: About, ends: Outcome | null) => Fact>> = {
  token: tokenFact,
  network: networkFact,
  host: hostFact,
  "token-check": tokenCheckFact,
  "allow-list": allowListFact,
  role: roleFact,
};

function tokenFact(about: About, ends: Outcome | null): Fact {
  const { service } = about.operation;
  const who = nameOf(about);
  if (ends !== null) {
    return {
      fact: `Entra ID issues no token to ${who}: it holds no role of ${service}, which requires an assignment.`,
      sources: [policyPlace(about, about.who), template(ENTRA, "appRoleAssignmentRequired: true")],
      fix: grantFix(about, about.who),
    };
  }
  const { sent, roles } = about.token;
  if (!sent) return { fact: "Nobody asks Entra ID for a token: the call has none.", sources: [], fix: null };
  if (about.who === null) return { fact: "No valid token names the caller.", sources: [], fix: null };
  const held = roles === null ? "" : `, with ${roles.length === 0 ? "no role" : roles.join(" and ")}`;
  const isExternal = Object.hasOwn(about.policy.externalCallers ?? {}, about.who);
  const isGranted = Object.hasOwn(callersOf(about), about.who);
  return {
    fact: `${who} has a token of Entra ID for ${service}${held}.`,
    sources: isGranted
      ? [
          policyPlace(about, about.who),
          template(ENTRA, `resource ${isExternal ? "externalAssignment" : "assignment"} `),
        ]
      : [],
    fix: null,
  };
}

function networkFact(about: About, ends: Outcome | null): Fact {
  const { origin, policy, operation } = about;
  const admitted = Object.keys(callersOf(about)).map((caller) => networkOf(policy, caller));
  const lets = `${operation.service}'s access restrictions admit ${admitted.join(", ") || "nobody"}`;
  const caller = origin?.callerOf ?? null;
  if (ends === null) {
    const comesFrom = admitted.length === 1 ? "there" : (origin?.title ?? "one of these");
    const rules = isByAddress(policy.externalCallers?.[caller ?? ""]) ? "var callerAddressRules" : "var callerRules";
    return {
      fact: `${lets}. The call comes from ${comesFrom}.`,
      sources: [policyPlace(about, caller), template(SITE, rules)],
      fix: null,
    };
  }
  return {
    fact: `${lets} only. The call comes from ${origin?.title ?? "elsewhere"}.`,
    sources: [policyPlace(about, null), template(SITE, "ipSecurityRestrictionsDefaultAction: 'Deny'")],
    fix:
      caller !== null && caller !== operation.service
        ? grantFix(about, caller)
        : `Call from ${admitted.join(" or ")}. Another network is admitted with its caller, by an entry in the access policy.`,
  };
}

/** Of the Functions host's own endpoints. */
function hostFact({ operation: { call } }: About, ends: Outcome | null): Fact {
  const isRefusal = ends?.refusedBy === "host";
  const setting =
    isRefusal && / \/admin\/(?!vfs)/.test(call)
      ? [template(SITE, "functionsRuntimeAdminIsolationEnabled: true")]
      : call.endsWith(" /")
        ? [template(SITE, "AzureWebJobsDisableHomepage: 'true'")]
        : [];
  return {
    fact: `It responds to ${call} with ${ends?.status ?? "no status"}, before any function, whatever the token.`,
    sources: [...setting, template("verify/model/host-operations.ts", `"${call}"`)],
    fix: isRefusal
      ? "None: the refusal is correct, these endpoints are for the platform. Use Azure Resource Manager. (Under npm start, " +
        "the host is open, like func start.)"
      : null,
  };
}

/** The app settings by which the guard finds each defect. */
const SETTINGS_OF_CODES: Readonly<Record<string, readonly string[]>> = {
  "wrong-issuer": ["AZURE_TENANT_ID"],
  "unknown-key": ["AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST"],
  "keys-unavailable": ["AZURE_AUTHORITY_HOST"],
  "wrong-audience": ["API_CLIENT_ID", "API_IDENTIFIER_URI"],
};

function tokenCheckFact(about: About, ends: Outcome | null): Fact {
  const { service } = about.operation;
  const code = ends?.code ?? null;
  if (code === null) {
    return {
      fact: `The token is an app's, of this tenant, for ${service}, signed by Entra ID and valid now.`,
      sources: settingSources(service, ["AZURE_TENANT_ID", "API_CLIENT_ID", "API_IDENTIFIER_URI"]),
      fix: null,
    };
  }
  const { cause, remedy, place } = refusalCodeRow(code);
  return {
    fact: `${service} refuses the ${about.token.sent ? "token" : "call"}: ${code}. Usual cause: ${cause}.`,
    sources: [place, ...settingSources(service, SETTINGS_OF_CODES[code] ?? [])],
    fix: sentence(remedy),
  };
}

function allowListFact(about: About, ends: Outcome | null): Fact {
  const { service } = about.operation;
  const named = `the client id of ${nameOf(about)}`;
  if (ends?.code === "caller-denied") {
    const { remedy, place } = refusalCodeRow(ends.code);
    const sources = [`DENIED_CALLERS of ${service}`, place];
    return { fact: `DENIED_CALLERS of ${service} has ${named}.`, sources, fix: sentence(remedy) };
  }
  const sources = [policyPlace(about, about.who), ...settingSources(service, ["ALLOWED_CALLERS"])];
  if (ends === null) return { fact: `ALLOWED_CALLERS of ${service} has ${named}.`, sources, fix: null };
  return {
    fact: `ALLOWED_CALLERS of ${service} does not have ${named}.`,
    sources,
    fix: grantFix(about, about.who),
  };
}

function roleFact(about: About, ends: Outcome | null): Fact {
  const role = about.operation.role ?? "";
  const { roles, issuedAt } = about.token;
  const index = callersOf(about)[about.who ?? ""]?.indexOf(role) ?? -1;
  const isGranted = index !== -1;
  const grant = isGranted ? policyPlace(about, about.who, index) : policyPlace(about, about.who);
  const sources = [grant, about.operation.place];
  if (ends === null) return { fact: `The operation requires ${role}, and the token has it.`, sources, fix: null };
  const held = roles === null ? "lacks it" : `has ${roles.length === 0 ? "no role" : `${roles.join(" and ")} only`}`;
  return {
    fact: `The operation requires ${role}. The token ${held}.${isGranted ? ` The policy grants it to ${nameOf(about)}.` : ""}`,
    sources,
    fix: [
      isGranted ? "Deploy the grant: azd provision." : grantFix(about, about.who, role),
      ...(isCallerOf(about.policy, about.who ?? "") ? [cacheNote(issuedAt)] : []),
    ].join(" "),
  };
}

function cacheNote(issuedAt: number | undefined): string {
  const issued = issuedAt === undefined ? "" : `This token was issued at ${new Date(issuedAt * 1000).toISOString()}. `;
  return (
    `${issued}A grant made after a token was issued is not in it: a managed identity's tokens are cached for up to ` +
    `24 hours (${TOKEN_CACHE}).`
  );
}

/** For a refusal that the access policy decides. */
function grantFix({ policy, operation: { service } }: About, caller: string | null, role?: string): string {
  if (caller === null || !isCallerOf(policy, caller)) {
    return `None: the refusal is correct. The access policy does not name ${caller ?? "it"}. Another team's caller needs an entry in externalCallers.`;
  }
  return (
    `If ${caller} may do this: name it in shared/access-policy.json under the callers of ${service}, with ` +
    `${role ?? "the roles that it needs"}; then azd provision. If not, the refusal is correct.`
  );
}

function isCallerOf({ services, externalCallers = {} }: Policy, caller: string): boolean {
  return Object.hasOwn(services, caller) || Object.hasOwn(externalCallers, caller);
}

function nameOf({ who }: About): string {
  return who ?? "the caller";
}

function callersOf({ policy, operation }: About): Policy["services"][string]["callers"] {
  return policy.services[operation.service]?.callers ?? {};
}

function policyPlace(about: About, caller: string | null, ...rest: JsonPath): string {
  return placeOf(
    policyLine(["services", about.operation.service, "callers", ...(caller === null ? [] : [caller]), ...rest]),
  );
}

function template(file: string, ...texts: readonly string[]): string {
  return placeOf(textLine(file, ...texts));
}

/** App settings, with the line of the template that sets them. */
function settingSources(service: string, settings: readonly string[]): string[] {
  return settings.map((name) => `${name} of ${service} (${template(SERVICE, `${name}: `)})`);
}

/** The network of a service or an external caller. */
export function networkOf({ externalCallers = {} }: Policy, caller: string): string {
  return `the ${isByAddress(externalCallers[caller]) ? "addresses" : "subnet"} of ${caller}`;
}

function isByAddress(external: ExternalCaller | undefined): boolean {
  return external?.addressRanges !== undefined;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
