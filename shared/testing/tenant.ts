// A tenant for tests: keys, metadata and tokens, over real HTTP.
import { createHmac, generateKeyPair, type KeyObject, randomUUID, sign } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import type { JWK } from "jose";
import type { Forge } from "./attacks.ts";

export interface TenantKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** The current key of every tenant of a process: making one takes a tenth of a second. */
let firstKey: Promise<TenantKey> | undefined;

/**
 * A tenant on a loopback address: its metadata, its keys, and tokens like Entra's. It signs whatever it is given, so
 * that a test can break exactly one thing.
 */
export class Tenant {
  readonly tenantId = "6f0c8f2e-1111-4000-8000-000000000001";
  readonly apiClientId = "6f0c8f2e-1111-4000-8000-000000000002";
  readonly callerId = "6f0c8f2e-1111-4000-8000-000000000003";
  readonly identifierUri = `api://${this.tenantId}/callee-func`;
  /** How often each document was asked for. */
  readonly requests = { metadata: 0, keys: 0 };
  readonly current: TenantKey;
  /** What the key set holds: a test may add, replace or withdraw. What a key does not say of its issuer and cloud is added. */
  published: unknown[];
  /** Answers in the documents' place, where a test wants something else; true where it has answered. */
  answer: (url: string, response: ServerResponse) => boolean = () => false;
  readonly #server: Server;

  static async start(): Promise<Tenant> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Tenant(server, await (firstKey ??= makeKey()));
  }

  private constructor(server: Server, key: TenantKey) {
    this.#server = server;
    this.current = key;
    this.published = [jwkOf(key)];
    server.on("request", ({ url = "" }, response) => {
      if (this.answer(url, response)) return;
      const document = this.#document(url);
      response.writeHead(document === undefined ? 404 : 200, { "Content-Type": "application/json" });
      response.end(JSON.stringify(document ?? {}));
    });
  }

  get authority(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** As Entra's documents name it: the authority's host, without `login.`. */
  readonly cloud = "127.0.0.1";

  get issuers(): { readonly "1.0": string; readonly "2.0": string } {
    return { "1.0": `https://sts.windows.net/${this.tenantId}/`, "2.0": `${this.authority}/${this.tenantId}/v2.0` };
  }

  get jwksUri(): string {
    return `${this.authority}/${this.tenantId}/discovery/v2.0/keys`;
  }

  /** The header of a v2.0 access token. */
  header(): Record<string, unknown> {
    return { typ: "JWT", alg: "RS256", kid: this.current.kid };
  }

  /** The claims of a v2.0 access token of a managed identity, with the opaque ones: about 1.2 kB when signed. */
  claims(): Record<string, unknown> {
    const now = Math.floor(Date.now() / 1000);
    const objectId = "6f0c8f2e-1111-4000-8000-000000000004";
    return {
      aud: this.apiClientId,
      iss: this.issuers["2.0"],
      iat: now - 300,
      nbf: now - 300,
      exp: now + 3600,
      aio: "k2RgYFCZfDXkxKMbZ1vPzbu7adb7Oc5C7z7nmXnpjvnV22a7bgEA",
      azp: this.callerId,
      azpacr: "2",
      idtyp: "app",
      oid: objectId,
      rh: "1.AXoAyI8MbxERAEAAgAAAAAAAAS6PDG8REQBAAIAAAAAAAALCAAB6AA.",
      roles: ["Records.Read", "Records.Write"],
      sub: objectId,
      tid: this.tenantId,
      uti: randomUUID(),
      ver: "2.0",
      xms_ftd: "hUnFZJ3Y8qJ6j0kXH2v9dQ0m7mNf4mVd0w6bS3Vn1YkBc3dlZGVuYy1kc21z",
      xms_idrel: "7 10",
      xms_rd: "0.42LjYBJi-sooJMLBLiRwJK3i-AXVsy5bOL0Xf5x2bx8A",
    };
  }

  /** A token of these parts; each change replaces what would be there, and null takes it away. */
  token(claims: object = {}, header: object = {}, key = this.current): string {
    return signText(
      JSON.stringify(replaced(this.header(), header)),
      JSON.stringify(replaced(this.claims(), claims)),
      key.privateKey,
    );
  }

  /** The settings of an app that accepts tokens of this tenant (`guardSettings`). */
  guardSettings(): Record<string, string> {
    return {
      AZURE_TENANT_ID: this.tenantId,
      AZURE_AUTHORITY_HOST: this.authority,
      API_CLIENT_ID: this.apiClientId,
      API_IDENTIFIER_URI: this.identifierUri,
      ALLOWED_CALLERS: this.callerId,
    };
  }

  /** What the attack catalogue forges its tokens with. */
  async forge(): Promise<Forge> {
    const { apiClientId, tenantId, callerId } = this;
    const [retired, stranger] = await Promise.all([makeKey(), makeKey()]);
    return {
      apiClientId,
      tenantId,
      callerId,
      token: ({ header = {}, claims = {}, sign = "current" } = {}) => {
        if (sign === "retired") return Promise.resolve(this.token(claims, { kid: retired.kid, ...header }, retired));
        if (sign === "unknown") return Promise.resolve(this.token(claims, { kid: stranger.kid, ...header }, stranger));
        if (sign === "current") return Promise.resolve(this.token(claims, header));
        const alg = sign === "none" ? "none" : "HS256";
        const [head = "", payload = ""] = this.token(claims, { alg, ...header }).split(".");
        const publicKey = this.current.publicKey.export({ type: "spki", format: "pem" });
        const mac = createHmac("sha256", publicKey).update(`${head}.${payload}`).digest("base64url");
        return Promise.resolve(`${head}.${payload}.${sign === "none" ? "" : mac}`);
      },
      text: ({ header = JSON.stringify(this.header()), payload = JSON.stringify(this.claims()) }) =>
        Promise.resolve(signText(header, payload, this.current.privateKey)),
    };
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #document(address: string): object | undefined {
    const [url = ""] = address.split("?");
    if (url === new URL(this.jwksUri).pathname) {
      this.requests.keys++;
      const ours = { cloud_instance_name: this.cloud, issuer: this.issuers["2.0"] };
      const complete = (key: unknown) => (typeof key === "object" && key !== null ? { ...ours, ...key } : key);
      return { keys: this.published.map(complete) };
    }
    const version = { [`/${this.tenantId}`]: "1.0", [`/${this.tenantId}/v2.0`]: "2.0" } as const;
    const found = version[url.replace("/.well-known/openid-configuration", "")];
    if (found === undefined) return undefined;
    this.requests.metadata++;
    return { issuer: this.issuers[found], jwks_uri: this.jwksUri, cloud_instance_name: this.cloud };
  }
}

/** Members replaced; null takes one away. */
export function replaced(members: object, changes: object): object {
  return Object.fromEntries(Object.entries({ ...members, ...changes }).filter(([, value]) => value !== null));
}

/** Signs two texts as the header and payload of a token, whatever they say. */
export function signText(header: string, payload: string, key: KeyObject): string {
  const signed = [header, payload].map((text) => Buffer.from(text).toString("base64url")).join(".");
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

export async function makeKey(modulusLength = 2048): Promise<TenantKey> {
  return { kid: randomUUID(), ...(await promisify(generateKeyPair)("rsa", { modulusLength })) };
}

/** A key as the key set publishes it. */
export function jwkOf({ kid, publicKey }: TenantKey): JWK {
  return { ...(publicKey.export({ format: "jwk" }) as JWK), kid, use: "sig" };
}
