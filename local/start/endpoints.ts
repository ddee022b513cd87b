import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Where everything of a running local system is, for any client. Addresses are origins without trailing slash, except
 * `control` and `managedIdentityEndpoint`, which are full URLs; `caFile` is absolute.
 */
export interface Endpoints {
  readonly caller: string;
  /** The callee's front end, by the network that a request comes from. */
  readonly callee: { readonly callerSubnet: string; readonly otherSubnet: string; readonly internet: string };
  readonly entra: {
    readonly authority: string;
    readonly tenantId: string;
    readonly managedIdentityEndpoint: string;
    readonly identityHeader: string;
    readonly caFile: string;
    readonly control: string;
  };
  readonly api: { readonly clientId: string; readonly identifierUri: string };
  readonly identities: Readonly<Record<string, IdentityEndpoint>>;
  readonly host: "func" | "embedded";
}

export interface IdentityEndpoint {
  readonly clientId: string;
  readonly principalId: string;
  /** App registrations only: what they may prove who they are with. */
  readonly clientSecret?: string;
  /** Absolute path of a PEM file. */
  readonly clientCertificateFile?: string;
}

/** Writes a JSON file whole or not at all, readable by this user only: it may hold a local secret. */
export async function writePrivateJson(file: string, content: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  try {
    await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}
