// The functions of a service that its callers reach with an access token, made of the app's settings.
import * as v from "valibot";
import { type AuthorizerOptions, createAuthorizer } from "../authorization/authorizer.ts";
import { clientAuthentications } from "../authorization/decide.ts";
import { callback } from "../options.ts";
import { authorityHost, guid, guids, readSettings } from "../settings.ts";
import { checkStartOptions, type StartOptions } from "../start-options.ts";
import { type AuditSink, createGuard } from "./guard.ts";
import { type Api, createApi } from "./register.ts";
import { reportOnlyDate } from "./report-only.ts";

/**
 * The settings that `protectedApp` reads. An app with further settings reads all together by `readSettings`, before it calls
 * `protectedApp`: so one error names all that are wrong.
 */
export const guardSettings = {
  AZURE_TENANT_ID: guid,
  AZURE_AUTHORITY_HOST: authorityHost,
  API_CLIENT_ID: guid,
  API_IDENTIFIER_URI: v.pipe(v.string(), v.startsWith("api://"), v.description("an App ID URI, api://...")),
  ALLOWED_CALLERS: guids,
  DENIED_CALLERS: v.optional(guids),
  MINIMUM_CLIENT_AUTHENTICATION: v.optional(
    v.pipe(v.picklist(clientAuthentications), v.description("public, secret or certificate")),
    "secret",
  ),
  REPORT_ONLY_UNTIL: reportOnlyDate,
};

export interface ProtectedAppOptions
  extends
    // The proof and the templates' invariants know the other one by its name.
    StartOptions<Exclude<keyof typeof guardSettings, "REPORT_ONLY_UNTIL">>,
    Pick<AuthorizerOptions, "clockToleranceSeconds" | "customRule"> {
  /** Leaves the choice of callers to roles and assignments: the setting `ALLOWED_CALLERS` is not read. */
  readonly allowedCallers?: "any";
  /** Until this date (UTC), the guard only reports. Counts like the setting `REPORT_ONLY_UNTIL`; of both, the earlier one counts. */
  readonly reportOnlyUntil?: string | undefined;
  /** Records the decisions. Default: one line of JSON in the invocation's log. */
  readonly audit?: AuditSink;
  /** Told why the tenant's keys could not be fetched. Default: an error in the app's log. */
  readonly onKeyFailure?: (error: unknown) => void;
}

const anyCaller = v.pipe(
  v.any(),
  v.transform(() => "any" as const),
);

const optionSchemas = {
  // The authorizer checks these two.
  clockToleranceSeconds: v.optional(v.unknown()),
  customRule: v.optional(v.unknown()),
  allowedCallers: v.pipe(v.optional(v.literal("any")), v.description('"any"; a list is the setting ALLOWED_CALLERS')),
  reportOnlyUntil: reportOnlyDate,
  audit: v.pipe(v.optional(callback<AuditSink>()), v.description("a function")),
  onKeyFailure: v.pipe(
    v.optional(callback<(error: unknown) => void>(), () => logged),
    v.description("a function"),
  ),
};

/**
 * Reads the settings of `guardSettings`, and makes of them what registers this app's protected functions.
 *
 * Does not check what `createAuthorizer` and `createGuard` do not check. Does not protect functions that are registered in
 * another way.
 *
 * @throws SettingsError that names each setting that is missing or wrong, and no value
 * @throws TypeError where an option is wrong
 *
 * @example
 * ```ts
 * import { protectedApp } from "@restricted-calls/shared/functions";
 *
 * const api = protectedApp<"Invoices.Read">();
 * api.http("getInvoice", "Invoices.Read", {
 *   methods: ["GET"],
 *   route: "invoices/{id}",
 *   handler: (request, caller) => Promise.resolve({ jsonBody: { id: request.params["id"], readBy: caller.appId } }),
 * });
 * ```
 */
export function protectedApp<Role extends string>(options: ProtectedAppOptions = {}): Api<Role> {
  const names = Object.keys(guardSettings).filter((name) => name !== "REPORT_ONLY_UNTIL");
  const checked = checkStartOptions("protectedApp", names, optionSchemas, options);
  const { app, environment, settingNames, allowedCallers, reportOnlyUntil, audit, onKeyFailure } = checked;
  const { clockToleranceSeconds, customRule } = options;
  const callers = allowedCallers === "any" ? anyCaller : guardSettings.ALLOWED_CALLERS;
  const settings = readSettings(app, { ...guardSettings, ALLOWED_CALLERS: callers }, environment, settingNames);
  const [earlier] = [reportOnlyUntil, settings.REPORT_ONLY_UNTIL].filter((date) => date !== undefined).sort();
  return createApi(
    createGuard<Role>(
      createAuthorizer({
        authority: settings.AZURE_AUTHORITY_HOST,
        tenantId: settings.AZURE_TENANT_ID,
        audiences: [settings.API_CLIENT_ID, settings.API_IDENTIFIER_URI],
        allowedCallers: settings.ALLOWED_CALLERS,
        deniedCallers: settings.DENIED_CALLERS,
        minimumClientAuthentication: settings.MINIMUM_CLIENT_AUTHENTICATION,
        clockToleranceSeconds,
        customRule,
        onKeyFailure,
      }),
      audit,
      earlier,
    ),
  );
}

function logged(error: unknown): void {
  console.error("The tenant's signing keys could not be fetched.", error);
}
