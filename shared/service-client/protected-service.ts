// The client of a service, made of the app's settings.
import * as v from "valibot";
import { chooseCredential, credentialSettings } from "../identity/credential.ts";
import { createTokenSource } from "../identity/token-source.ts";
import { type Environment, origin, readSettings, type SettingNames } from "../settings.ts";
import { checkStartOptions, type StartOptions } from "../start-options.ts";
import { limitsSchema } from "./limits.ts";
import { createServiceClient, type ServiceClient, type ServiceClientOptions } from "./service-client.ts";

/**
 * The settings that `protectedService` reads: for the prefix `OTHER_API` these are `OTHER_API_URL`, `OTHER_API_SCOPE`, and those
 * of the credential that `CALLER_CREDENTIAL` chooses. An app with further settings reads all together by `readSettings`,
 * before it calls `protectedService`: so one error names all that are wrong.
 *
 * @param names of settings that have other names
 */
export function serviceSettings(
  prefix: string,
  environment: Environment = process.env,
  names: SettingNames = {},
): v.ObjectEntries {
  const { schemas } = chooseCredential("", environment, names);
  return { ...schemas, [`${prefix}_URL`]: own.URL, [`${prefix}_SCOPE`]: own.SCOPE };
}

const own = {
  URL: origin,
  SCOPE: v.pipe(v.string(), v.endsWith("/.default"), v.description("the service's App ID URI followed by /.default")),
};

/** `settingNames` may name any of these settings. */
export interface ProtectedServiceOptions extends StartOptions, Pick<ServiceClientOptions, "limits"> {}

/**
 * Makes a client for the service that the settings name, as the identity that `CALLER_CREDENTIAL` chooses.
 *
 * Does not check what `createServiceClient` and `createTokenSource` do not check.
 *
 * @param prefix of the settings' names, in capital letters: `OTHER_API` for `OTHER_API_URL` and `OTHER_API_SCOPE`
 * @throws SettingsError that names each setting that is missing or wrong, and no value
 * @throws TypeError where an argument is wrong
 *
 * @example
 * ```ts
 * import { protectedService } from "@restricted-calls/shared/service-client";
 *
 * const other = protectedService("OTHER_API");
 * const outcome = await other({ method: "GET", path: `/api/customers/${encodeURIComponent("c-1")}` });
 * if (outcome.kind === "response" && outcome.status === 200) console.log(outcome.body);
 * ```
 */
export function protectedService(prefix: string, options: ProtectedServiceOptions = {}): ServiceClient {
  if (!/^[A-Z][A-Z0-9_]*$/.test(prefix)) {
    throw new TypeError("The first argument of protectedService is a prefix in capital letters, such as OTHER_API.");
  }
  const url = `${prefix}_URL`;
  const scope = `${prefix}_SCOPE`;
  const known = [url, scope, ...credentialSettings];
  const { app, environment, settingNames, limits } = checkStartOptions(
    "protectedService",
    known,
    { limits: limitsSchema },
    options,
  );
  const credential = chooseCredential(app, environment, settingNames);
  const names = { ...settingNames, URL: settingNames[url] ?? url, SCOPE: settingNames[scope] ?? scope };
  const { URL, SCOPE } = readSettings(app, { ...credential.schemas, ...own }, environment, names);
  return createServiceClient({ origin: URL, tokens: createTokenSource(credential.create, SCOPE), limits });
}
