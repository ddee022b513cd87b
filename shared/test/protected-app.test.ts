import { app, HttpRequest, InvocationContext, type HttpFunctionOptions } from "@azure/functions";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { protectedApp, type ProtectedAppOptions } from "../functions/index.ts";
import { Tenant } from "../testing/tenant.ts";

const OTHER = "6f0c8f2e-9999-4000-8000-000000000009";

let tenant: Tenant;
let environment: Record<string, string>;
let registered: HttpFunctionOptions | undefined;

beforeEach(async () => {
  tenant = await Tenant.start();
  environment = tenant.guardSettings();
  vi.spyOn(app, "http").mockImplementation((_name, options) => {
    registered = options;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  tenant.stop();
});

/** The response of a function of such an app to a call with these claims. */
async function responseTo(claims: Record<string, unknown>, options: ProtectedAppOptions = {}): Promise<unknown> {
  protectedApp<"Invoices.Read">({ environment, ...options }).http("getInvoice", "Invoices.Read", {
    methods: ["GET"],
    route: "invoices/{id}",
    handler: (_request, caller) => Promise.resolve({ jsonBody: caller.appId }),
  });
  const authorization = `Bearer ${tenant.token({ roles: ["Invoices.Read"], ...claims })}`;
  const request = new HttpRequest({ method: "GET", url: "http://localhost/api/x", headers: { authorization } });
  const context = new InvocationContext({ functionName: "getInvoice", logHandler: () => undefined });
  const response = await registered?.handler(request, context);
  const { body } = response as { body?: string };
  return body === undefined ? response : (JSON.parse(body) as { code: string }).code;
}

test("admits a listed caller with the role, and refuses others", async () => {
  expect(await responseTo({})).toEqual({ jsonBody: tenant.callerId });
  expect(await responseTo({ roles: ["Invoices.Write"] })).toBe("role-missing");
  expect(await responseTo({ azp: OTHER })).toBe("caller-not-allowed");
  expect(await responseTo({ aud: OTHER })).toBe("wrong-audience");
  environment["DENIED_CALLERS"] = tenant.callerId;
  expect(await responseTo({})).toBe("caller-denied");
});

test("callers are listed with commas and blanks", async () => {
  environment["ALLOWED_CALLERS"] = `${OTHER}, ${tenant.callerId} `;
  expect(await responseTo({ azp: OTHER })).toEqual({ jsonBody: OTHER });
  expect(await responseTo({})).toEqual({ jsonBody: tenant.callerId });
});

test.each(["", " ", ",", "caller-func"])("does not start with the callers '%s'", (ALLOWED_CALLERS) => {
  expect(() => protectedApp({ environment: { ...environment, ALLOWED_CALLERS } })).toThrow(
    /ALLOWED_CALLERS is (missing|invalid): expected GUIDs separated by commas/,
  );
});

test("MINIMUM_CLIENT_AUTHENTICATION refuses a caller with a secret where it requires a certificate", async () => {
  environment["MINIMUM_CLIENT_AUTHENTICATION"] = "certificate";
  expect(await responseTo({ azpacr: "1" })).toBe("weak-client-authentication");
});

test("the options of the authorizer and the guard arrive there", async () => {
  expect(await responseTo({}, { customRule: () => "not today" })).toBe("custom-rule");
  expect(await responseTo({ exp: Date.now() / 1000 - 100 })).toBe("token-expired");
  expect(await responseTo({ exp: Date.now() / 1000 - 100 }, { clockToleranceSeconds: 300 })).toHaveProperty("jsonBody");
  const audit = vi.fn();
  await responseTo({}, { audit });
  expect(audit).toHaveBeenCalledWith(expect.objectContaining({ allowed: true }), expect.anything());
});

test("allowedCallers: any admits every caller with the role, without the setting", async () => {
  delete environment["ALLOWED_CALLERS"];
  expect(await responseTo({ azp: OTHER }, { allowedCallers: "any" })).toEqual({ jsonBody: OTHER });
  expect(await responseTo({ azp: OTHER, roles: [] }, { allowedCallers: "any" })).toBe("role-missing");
});

test("says why the keys cannot be fetched: by default in the app's log", async () => {
  tenant.answer = (_url, response) => {
    response.writeHead(500).end();
    return true;
  };
  const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
  expect(await responseTo({})).toBe("keys-unavailable");
  expect(log).toHaveBeenCalledWith("The tenant's signing keys could not be fetched.", expect.any(Error));
  const onKeyFailure = vi.fn();
  await responseTo({}, { onKeyFailure });
  expect(onKeyFailure).toHaveBeenCalled();
});

describe("settings", () => {
  test("all that are missing or wrong are reported at once, and no value", () => {
    environment = { AZURE_TENANT_ID: "hunter2", ALLOWED_CALLERS: "any", WEBSITE_SITE_NAME: "invoices" };
    expect(() => protectedApp({ environment })).toThrow(
      [
        "These app settings of invoices need attention:",
        "  - AZURE_TENANT_ID is invalid: expected a GUID",
        "  - API_CLIENT_ID is missing: expected a GUID",
        "  - API_IDENTIFIER_URI is missing: expected an App ID URI, api://...",
        "  - ALLOWED_CALLERS is invalid: expected GUIDs separated by commas",
      ].join("\n"),
    );
    expect(() => protectedApp({ environment })).not.toThrow(/hunter2/);
    expect(() => protectedApp({ environment, app: "reports" })).toThrow("settings of reports need");
    expect(() => protectedApp({ environment: {} })).toThrow("settings of this app need");
  });

  test("can have other names, which the error then has", async () => {
    const settingNames = { API_CLIENT_ID: "INVOICES_CLIENT_ID" };
    environment["INVOICES_CLIENT_ID"] = environment["API_CLIENT_ID"] ?? "";
    delete environment["API_CLIENT_ID"];
    expect(await responseTo({}, { settingNames })).toEqual({ jsonBody: tenant.callerId });
    expect(() => protectedApp({ environment: {}, settingNames })).toThrow(
      "INVOICES_CLIENT_ID is missing: expected a GUID",
    );
  });

  test("are those of the process, if nothing else is said", () => {
    vi.stubEnv("AZURE_TENANT_ID", "of-the-process");
    expect(() => protectedApp()).toThrow("AZURE_TENANT_ID is invalid");
    vi.unstubAllEnvs();
  });
});

test.each<[string, object, RegExp]>([
  ["an option that there is not", { tenant: "x" }, /tenant is no option: expected clockToleranceSeconds/],
  [
    "another name for no setting",
    { settingNames: { API_ID: "X" } },
    /settingNames\.API_ID .* expected .*API_CLIENT_ID/,
  ],
  [
    "another name for the setting that lets calls through",
    { settingNames: { REPORT_ONLY_UNTIL: "OTHER" } },
    /settingNames\.REPORT_ONLY_UNTIL .* expected .*API_CLIENT_ID/,
  ],
  ["an empty name", { settingNames: { API_CLIENT_ID: "" } }, /settingNames\.API_CLIENT_ID is an empty string/],
  ["no environment", { environment: null }, /environment is null: expected an object of settings/],
  ["a list of callers", { allowedCallers: [OTHER] }, /allowedCallers is a list: expected "any"; a list is the setting/],
  ["an audit sink that is none", { audit: "console" }, /audit is a string/],
  ["a clock tolerance beyond its ceiling", { clockToleranceSeconds: 301 }, /clockToleranceSeconds is 301/],
  ["a custom rule that is none", { customRule: true }, /customRule is true: expected a function/],
])("does not start with %s", (_, options, message) => {
  expect(() => protectedApp({ environment, ...options })).toThrow(message);
});
