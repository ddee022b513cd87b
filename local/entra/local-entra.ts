/** The local Entra: a stand-in for Entra ID on 127.0.0.1, and for App Service's managed identity endpoint. */
import { randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Policy } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { listen, type Listener } from "../../tools/listen.ts";
import { issuerOfVersion2, type Tenant } from "./access-token.ts";
import { authorityApp } from "./authority.ts";
import { clientCertificate, type FederatedCredential, federatedCredential } from "./client-assertion.ts";
import { clientSecret } from "./client-authentication.ts";
import { addControlRoutes, wrongInputResponse } from "./control.ts";
import { directoryOf, type Directory } from "./directory.ts";
import { createApp, Faults, listenerOf, onlyMethod } from "./http.ts";
import { managedIdentityEndpoint, platformFailure } from "./managed-identity-endpoint.ts";
import { SigningKeys } from "./signing-keys.ts";

export interface LocalEntraOptions {
  /** PEM files of the HTTPS listener, valid for 127.0.0.1. */
  readonly certificates: { readonly certFile: string; readonly keyFile: string };
  /** The client certificates of app registrations, in PEM, by identity name. */
  readonly clientCertificates?: Readonly<Record<string, string>>;
  /** Port of the authority, and of the managed identity endpoint and control address; 0 or nothing takes a free one. */
  readonly port?: number;
  readonly managedIdentityPort?: number;
  /** Gets one line for each token: identity, resource, roles. Never a token or a secret. */
  readonly log?: (line: string) => void;
  /** The access policy whose services, roles and grants the directory holds; by default `shared/access-policy.json`. */
  readonly policy?: Policy;
}

export interface LocalEntra {
  /** Origin, without trailing slash. */
  readonly authority: string;
  readonly tenantId: string;
  /** Full URL, for `IDENTITY_ENDPOINT`. */
  readonly managedIdentityEndpoint: string;
  /** For `IDENTITY_HEADER`; new at every start. */
  readonly identityHeader: string;
  /** Full URL of the control address. */
  readonly control: string;
  readonly directory: Directory;
  /** The client secrets of app registrations, by identity name; new at every start. */
  readonly clientSecrets: Readonly<Record<string, string>>;
  /** Ends all connections at once. */
  stop(): Promise<void>;
}

/**
 * Starts the authority over HTTPS (metadata, keys, token endpoint), and over HTTP the managed identity endpoint and the
 * control address.
 *
 * @throws Error that names the port when one is taken; then it listens on none
 */
export async function startLocalEntra(options: LocalEntraOptions): Promise<LocalEntra> {
  const { certificates, clientCertificates = {}, port = 0, managedIdentityPort = 0 } = options;
  const { log = () => undefined, policy = accessPolicy } = options;
  const directory = directoryOf(policy);
  const clientSecrets = Object.fromEntries(
    directory.identities
      .filter(({ kind }) => kind === "app-registration")
      .map(({ name }) => [name, randomBytes(30).toString("base64url")]),
  );
  const identityHeader = randomUUID();
  const faults = new Faults();
  const [keys, cert, key] = await Promise.all([
    SigningKeys.create(),
    readFile(certificates.certFile, "utf8"),
    readFile(certificates.keyFile, "utf8"),
  ]);

  // The authority's own address is part of its responses, so its routes are added once its port is known.
  let authority = createApp(() => undefined);
  await using started = new AsyncDisposableStack();
  const secure = await listen(
    port,
    listenerOf(() => authority),
    { cert, key },
  );
  started.defer(() => secure.stop());
  const tenant: Tenant = { authority: `https://127.0.0.1:${secure.port}`, directory, keys, log };
  const methods = [
    clientSecret(clientSecrets),
    clientCertificate(clientCertificates, [`${tenant.authority}/${directory.tenantId}/oauth2/v2.0/token`]),
    federatedCredential(federatedCredentials(tenant), keys),
  ];
  authority = authorityApp(tenant, methods, faults);

  const plain = await listenPlain(tenant, identityHeader, faults, managedIdentityPort);
  started.defer(() => plain.stop());
  const running = started.move();
  const origin = `http://127.0.0.1:${plain.port}`;
  return {
    authority: tenant.authority,
    tenantId: directory.tenantId,
    managedIdentityEndpoint: `${origin}/msi/token`,
    identityHeader,
    control: `${origin}/control`,
    directory,
    clientSecrets,
    stop: () => running.disposeAsync(),
  };
}

/** An app registration trusts the tenant for tokens of one managed identity. */
function federatedCredentials({ authority, directory }: Tenant): Record<string, FederatedCredential[]> {
  const { tenantId, tokenExchange, identities } = directory;
  const issuer = issuerOfVersion2(authority, tenantId);
  const audiences = [tokenExchange.identifierUri, tokenExchange.clientId];
  return Object.fromEntries(
    identities.flatMap(({ name, federatedSubject: subject }) =>
      subject === undefined ? [] : [[name, [{ issuer, subject, audiences }]]],
    ),
  );
}

function listenPlain(tenant: Tenant, identityHeader: string, faults: Faults, port: number): Promise<Listener> {
  const app = createApp(wrongInputResponse);
  app
    .use("/msi/token", faults.middleware("managed-identity", platformFailure))
    .get(managedIdentityEndpoint(tenant, identityHeader))
    .all(onlyMethod("GET"));
  addControlRoutes(app, tenant, faults);
  return listen(
    port,
    listenerOf(() => app),
  );
}
