// Chooses the credential that the settings name.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TokenCredential } from "@azure/identity";
import * as v from "valibot";
import { managedIdentity, retryOptions } from "./managed-identity.ts";
import { authorityHost, type Environment, guid, readSettings, type SettingNames } from "../settings.ts";

/** As whom this app calls: the settings that are needed for it, and the credential made from them. */
export interface CredentialChoice {
  /** To be read together with the app's other settings, so that all that is wrong is reported at once. */
  readonly schemas: v.ObjectEntries;
  /** A new credential. @throws SettingsError where the settings are wrong */
  readonly create: () => Promise<TokenCredential>;
}

/**
 * Chooses by the setting `CALLER_CREDENTIAL`.
 *
 * @param app the app's name, for messages
 * @param names of settings that have other names
 */
export function chooseCredential(app: string, environment: Environment, names: SettingNames = {}): CredentialChoice {
  const chosen = environment[names["CALLER_CREDENTIAL"] ?? "CALLER_CREDENTIAL"] ?? "";
  const make = chosen === "" ? kinds["managed-identity"] : Object.hasOwn(kinds, chosen) && kinds[chosen as Kind];
  if (make) return make(app, environment, names);
  const known = Object.keys(kinds);
  const expected = known.join(", ").replace(/, ([^,]*)$/, " or $1");
  const schemas = { CALLER_CREDENTIAL: v.pipe(v.string(), v.picklist(known), v.description(expected)) };
  return { schemas, create: () => readSettings(app, schemas, environment, names) as never };
}

type Kind = keyof typeof kinds;

const text = (description: string): v.GenericSchema<string> => v.pipe(v.string(), v.description(description));

/** What all app registrations need. */
const appRegistration = {
  AZURE_TENANT_ID: guid,
  CALLER_APP_CLIENT_ID: guid,
  AZURE_AUTHORITY_HOST: authorityHost,
  // @azure/identity takes this in code only. Needed for an authority that Microsoft's public cloud does not know.
  AZURE_DISABLE_INSTANCE_DISCOVERY: v.optional(
    v.pipe(v.picklist(["true", "false"]), v.description("true or false")),
    "false",
  ),
};

/** Every setting that a choice may read. */
export const credentialSettings: readonly string[] = [
  "CALLER_CREDENTIAL",
  "AZURE_CLIENT_ID",
  ...Object.keys(appRegistration),
  "CALLER_APP_CLIENT_SECRET",
  "CALLER_APP_CERTIFICATE",
  "CALLER_APP_CERTIFICATE_PATH",
];

const PEM =
  "with a certificate and its RSA private key in PEM (a PFX is converted by: openssl pkcs12 -in app.pfx -out app.pem -nodes)";

const certificate = v.pipe(v.string(), v.check(isCertificateWithKey), v.description(`a text ${PEM}`));
const certificateFile = v.pipe(
  v.string(),
  v.rawTransform(readFile),
  certificate,
  v.description(`the path of a file ${PEM}`),
);

/** @see https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity */
const EXCHANGE_SCOPE = "api://AzureADTokenExchange/.default";

const kinds = {
  "managed-identity": choice({ AZURE_CLIENT_ID: v.optional(guid) }, ({ AZURE_CLIENT_ID }) =>
    managedIdentity(AZURE_CLIENT_ID),
  ),

  "client-secret": choice(
    {
      ...appRegistration,
      CALLER_APP_CLIENT_SECRET: text("a client secret of the app registration (its value, not its id)"),
    },
    async (s) => {
      const { ClientSecretCredential } = await import("../on-demand/app-registration.ts");
      const { AZURE_TENANT_ID, CALLER_APP_CLIENT_ID, CALLER_APP_CLIENT_SECRET } = s;
      return new ClientSecretCredential(AZURE_TENANT_ID, CALLER_APP_CLIENT_ID, CALLER_APP_CLIENT_SECRET, authority(s));
    },
  ),

  // The content, as a Key Vault reference gives it, where it is set; else a file.
  "client-certificate": (app, environment, names) =>
    environment[names["CALLER_APP_CERTIFICATE"] ?? "CALLER_APP_CERTIFICATE"]
      ? choice({ ...appRegistration, CALLER_APP_CERTIFICATE: certificate }, (s) =>
          clientCertificate(s, s.CALLER_APP_CERTIFICATE),
        )(app, environment, names)
      : choice({ ...appRegistration, CALLER_APP_CERTIFICATE_PATH: certificateFile }, (s) =>
          clientCertificate(s, s.CALLER_APP_CERTIFICATE_PATH),
        )(app, environment, names),

  // No secret at all: the user-assigned identity vouches for the app registration, which trusts it by a federated credential.
  "federated-identity": choice({ ...appRegistration, AZURE_CLIENT_ID: guid }, async (s) => {
    const { ClientAssertionCredential } = await import("../on-demand/app-registration.ts");
    const identity = await managedIdentity(s.AZURE_CLIENT_ID);
    const assertion = async (): Promise<string> => (await identity.getToken(EXCHANGE_SCOPE))?.token ?? "";
    return new ClientAssertionCredential(s.AZURE_TENANT_ID, s.CALLER_APP_CLIENT_ID, assertion, authority(s));
  }),
} satisfies Record<string, MakeChoice>;

type MakeChoice = (app: string, environment: Environment, names: SettingNames) => CredentialChoice;

function choice<const Schemas extends v.ObjectEntries>(
  schemas: Schemas,
  create: (settings: v.InferOutput<v.ObjectSchema<Schemas, undefined>>) => Promise<TokenCredential>,
): MakeChoice {
  return (app, environment, names) => ({
    schemas,
    create: async () => create(readSettings(app, schemas, environment, names)),
  });
}

type AppRegistration = v.InferOutput<v.ObjectSchema<typeof appRegistration, undefined>>;

function authority(settings: AppRegistration): object {
  return {
    authorityHost: settings.AZURE_AUTHORITY_HOST,
    disableInstanceDiscovery: settings.AZURE_DISABLE_INSTANCE_DISCOVERY === "true",
    retryOptions,
  };
}

async function clientCertificate(settings: AppRegistration, pem: string): Promise<TokenCredential> {
  const { ClientCertificateCredential } = await import("../on-demand/app-registration.ts");
  const { AZURE_TENANT_ID, CALLER_APP_CLIENT_ID } = settings;
  return new ClientCertificateCredential(
    AZURE_TENANT_ID,
    CALLER_APP_CLIENT_ID,
    { certificate: pem },
    authority(settings),
  );
}

function isCertificateWithKey(pem: string): boolean {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === "rsa" && new X509Certificate(pem).checkPrivateKey(key);
  } catch {
    return false;
  }
}

function readFile({ dataset, addIssue, NEVER }: v.RawTransformContext<string>): string {
  try {
    return readFileSync(dataset.value, "utf8");
  } catch {
    addIssue({ message: "cannot be read" });
    return NEVER;
  }
}
