import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
} from "@azure/identity";
import { chooseCredential } from "@restricted-calls/shared/identity";
import { readSettings, SettingsError } from "@restricted-calls/shared/settings";
import { afterAll, describe, expect, test } from "vitest";
import { makeCertificates, makeClientCertificate } from "../../local/index.ts";

const GUID = "00000000-0000-4000-8000-000000000001";
const SECRET = "the-secret-value";
const folder = mkdtempSync(join(tmpdir(), "credential-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const file = (name: string, content: string | Buffer): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const [one, two] = await Promise.all([makeClientCertificate("one"), makeClientCertificate("two")]);
const ecdsa = await makeCertificates();
const pem = file("app.pem", one.key + one.certificate);

const app = { AZURE_TENANT_ID: GUID, CALLER_APP_CLIENT_ID: GUID };

test.each<[string, NodeJS.ProcessEnv, unknown]>([
  ["by default", {}, ManagedIdentityCredential],
  [
    "managed-identity, user-assigned",
    { CALLER_CREDENTIAL: "managed-identity", AZURE_CLIENT_ID: GUID },
    ManagedIdentityCredential,
  ],
  [
    "client-secret",
    { ...app, CALLER_CREDENTIAL: "client-secret", CALLER_APP_CLIENT_SECRET: SECRET },
    ClientSecretCredential,
  ],
  [
    "client-certificate, a file",
    { ...app, CALLER_CREDENTIAL: "client-certificate", CALLER_APP_CERTIFICATE_PATH: pem },
    ClientCertificateCredential,
  ],
  [
    "client-certificate, the content",
    { ...app, CALLER_CREDENTIAL: "client-certificate", CALLER_APP_CERTIFICATE: one.certificate + one.key },
    ClientCertificateCredential,
  ],
  [
    "federated-identity",
    { ...app, CALLER_CREDENTIAL: "federated-identity", AZURE_CLIENT_ID: GUID },
    ClientAssertionCredential,
  ],
])("%s", async (_, environment, kind) => {
  expect(await chooseCredential("caller-func", environment).create()).toBeInstanceOf(kind);
});

test("no credential is made of wrong settings", async () => {
  const create = async (): Promise<unknown> =>
    chooseCredential("caller-func", { CALLER_CREDENTIAL: "password" }).create();
  await expect(create()).rejects.toThrow(SettingsError);
});

function problemsOf(environment: NodeJS.ProcessEnv): string {
  try {
    readSettings("caller-func", chooseCredential("caller-func", environment).schemas, environment);
    return "none";
  } catch (error) {
    return String(error);
  }
}

describe("says together what is missing or wrong, by name, and no value", () => {
  test.each<[string, NodeJS.ProcessEnv, string[]]>([
    [
      "an unknown kind",
      { CALLER_CREDENTIAL: "password" },
      ["CALLER_CREDENTIAL is invalid", "managed-identity, client-secret, client-certificate or federated-identity"],
    ],
    ["a name of every object", { CALLER_CREDENTIAL: "constructor" }, ["CALLER_CREDENTIAL is invalid"]],
    [
      "client-secret",
      { CALLER_CREDENTIAL: "client-secret" },
      [
        ...["AZURE_TENANT_ID is missing", "CALLER_APP_CLIENT_ID is missing"],
        "CALLER_APP_CLIENT_SECRET is missing: expected a client secret of the app registration (its value, not its id)",
      ],
    ],
    [
      "client-certificate",
      { CALLER_CREDENTIAL: "client-certificate", AZURE_TENANT_ID: "x" },
      ["AZURE_TENANT_ID is invalid", "CALLER_APP_CERTIFICATE_PATH is missing"],
    ],
    [
      "federated-identity",
      { CALLER_CREDENTIAL: "federated-identity", ...app, AZURE_DISABLE_INSTANCE_DISCOVERY: "yes" },
      ["AZURE_CLIENT_ID is missing", "AZURE_DISABLE_INSTANCE_DISCOVERY is invalid: expected true or false"],
    ],
    ["managed-identity", { AZURE_CLIENT_ID: SECRET }, ["AZURE_CLIENT_ID is invalid"]],
  ])("%s", (_, environment, expected) => {
    const problems = problemsOf(environment);
    for (const text of expected) expect(problems).toContain(text);
    expect(problems).not.toContain(SECRET);
  });
});

describe("a certificate that cannot work is told at the start, with the command that converts a PFX", () => {
  // How every PKCS #12 file begins: a DER sequence, version 3.
  const pfx = Buffer.from("30820a3f020103308209f506092a864886f70d010701a08209e6", "hex");
  test.each<[string, () => string]>([
    ["a file that is not there", () => join(folder, "nothing.pem")],
    ["a PFX", () => file("app.pfx", pfx)],
    ["a certificate without its key", () => file("cert.pem", one.certificate)],
    ["a key without its certificate", () => file("key.pem", one.key)],
    ["a key of another certificate", () => file("mixed.pem", one.certificate + two.key)],
    ["a certificate of an elliptic curve", () => file("ecdsa.pem", ecdsa.cert + ecdsa.key)],
  ])("%s", (_, path) => {
    const settings = { ...app, CALLER_CREDENTIAL: "client-certificate", CALLER_APP_CERTIFICATE_PATH: path() };
    expect(problemsOf(settings)).toContain("openssl pkcs12 -in app.pfx -out app.pem -nodes");
  });

  test("a PFX in base64, as Key Vault gives it by default", () => {
    const content = pfx.toString("base64");
    const problems = problemsOf({ ...app, CALLER_CREDENTIAL: "client-certificate", CALLER_APP_CERTIFICATE: content });
    expect(problems).toContain("CALLER_APP_CERTIFICATE is invalid: expected a text with a certificate");
    expect(problems).not.toContain(content.slice(0, 20));
  });
});
