import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll } from "vitest";
import { ensureCertificates, type LocalCertificates } from "../certificates/certificates.ts";
import type { Policy } from "@restricted-calls/shared/access-policy";
import type { Identity } from "../entra/directory.ts";
import { startLocalEntra, type LocalEntra, type LocalEntraOptions } from "../entra/local-entra.ts";

export interface TestEntra extends LocalEntra {
  readonly certificates: LocalCertificates;
  /** Everything it logged. */
  readonly logged: readonly string[];
}

const role = { id: "", description: "" };

/** A policy of the tests' own: they hold whatever business takes the place of the one here. */
export const testPolicy: Policy = {
  services: {
    "caller-func": { subnet: 0, roles: {}, callers: {} },
    "callee-func": {
      subnet: 1,
      roles: { "Records.Read": role, "Records.Write": role, "Records.Manage": role },
      callers: { "caller-func": ["Records.Read", "Records.Write"] },
    },
  },
};

/** A local Entra of the test file's own, trusted by this process, stopped after the file's tests. */
export async function startTestEntra(options: Partial<LocalEntraOptions> = {}): Promise<TestEntra> {
  const folder = await mkdtemp(join(tmpdir(), "entra-"));
  const certificates = await ensureCertificates(folder);
  setDefaultCACertificates([...getCACertificates(), await readFile(certificates.caFile, "utf8")]);
  const logged: string[] = [];
  const entra = await startLocalEntra({
    ...{ certificates, policy: testPolicy, log: (line) => logged.push(line) },
    ...options,
  });
  afterAll(async () => {
    await entra.stop();
    await rm(folder, { recursive: true });
  });
  return { ...entra, certificates, logged };
}

export function identityOf(entra: LocalEntra, name: string): Identity {
  const found = entra.directory.identities.find((identity) => identity.name === name);
  if (!found) throw new Error(`No identity ${name}`);
  return found;
}

/** The one API of the policy. */
export function apiOf(entra: LocalEntra): LocalEntra["directory"]["storage"] {
  const [api] = entra.directory.apis;
  if (!api) throw new Error("No API");
  return api;
}

export interface Answered {
  readonly status: number;
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export async function answered(response: Response): Promise<Answered> {
  const text = await response.text();
  return {
    status: response.status,
    type: response.headers.get("content-type") ?? "",
    body: (text === "" ? {} : JSON.parse(text)) as Answered["body"],
  };
}

/** The token endpoint's answer to a form; null leaves a field of the good request out. */
export async function requestToken(
  entra: LocalEntra,
  changes: Readonly<Record<string, string | null>> = {},
  { headers = {}, tenant = entra.tenantId }: { headers?: Record<string, string>; tenant?: string } = {},
): Promise<Answered> {
  const form = given({
    grant_type: "client_credentials",
    client_id: identityOf(entra, "caller-app").clientId,
    client_secret: entra.clientSecrets["caller-app"] ?? "",
    scope: `${apiOf(entra).identifierUri}/.default`,
    ...changes,
  });
  const body = new URLSearchParams(form);
  return answered(await fetch(`${entra.authority}/${tenant}/oauth2/v2.0/token`, { method: "POST", body, headers }));
}

/** The managed identity endpoint's answer; null leaves a parameter of the good request out. */
export async function requestIdentityToken(
  entra: LocalEntra,
  changes: Readonly<Record<string, string | null>> = {},
  headers: Record<string, string> = { "X-IDENTITY-HEADER": entra.identityHeader },
): Promise<Answered> {
  const parameters = given({
    "api-version": "2019-08-01",
    resource: apiOf(entra).identifierUri,
    client_id: identityOf(entra, "caller-func").clientId,
    ...changes,
  });
  const query = new URLSearchParams(parameters).toString();
  return answered(await fetch(`${entra.managedIdentityEndpoint}?${query}`, { headers }));
}

function given(fields: Readonly<Record<string, string | null>>): [string, string][] {
  return Object.entries(fields).filter((field): field is [string, string] => field[1] !== null);
}

export async function control(entra: LocalEntra, path: string, body: unknown = {}): Promise<Answered> {
  return answered(await fetch(`${entra.control}/${path}`, { method: "POST", body: JSON.stringify(body) }));
}

export async function mint(entra: LocalEntra, request: unknown = {}): Promise<string> {
  return tokenIn(await control(entra, "tokens", request));
}

export function tokenIn({ body }: Answered): string {
  const token = body["access_token"];
  if (typeof token !== "string") throw new Error(`No access token in ${JSON.stringify(body)}`);
  return token;
}
