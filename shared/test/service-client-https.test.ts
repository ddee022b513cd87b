import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeCertificates, makeClientCertificate } from "../../local/index.ts";
import { createServiceClient, type ServiceOutcome } from "../service-client/index.ts";

const trusted = getCACertificates("default");

let server: Server;
let ca: string;
let authorizations: unknown[];

beforeEach(async () => {
  const certificates = await makeCertificates();
  ca = certificates.ca;
  authorizations = [];
  server = createServer(certificates, ({ headers }, response) => {
    authorizations.push(headers.authorization);
    response.writeHead(200, { "Content-Type": "application/json" }).end('{"ok":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
});
afterEach(() => {
  setDefaultCACertificates(trusted);
  server.closeAllConnections();
  server.close();
});

function call(host: string): Promise<ServiceOutcome> {
  const get = (): Promise<string> => Promise.resolve("abc.def.ghi");
  const origin = `https://${host}:${(server.address() as AddressInfo).port}`;
  const client = createServiceClient({ origin, tokens: { get, renew: get }, limits: { retries: 0 } });
  return client({ method: "GET", path: "/" });
}

test.each(["localhost", "127.0.0.1"])("calls %s where the machine trusts its certificate", async (host) => {
  setDefaultCACertificates([...trusted, ca]);
  expect(await call(host)).toMatchObject({ status: 200, body: { ok: true } });
  expect(authorizations).toEqual(["Bearer abc.def.ghi"]);
});

test("sends nothing where the machine does not trust the certificate", async () => {
  expect(await call("localhost")).toMatchObject({ kind: "no-response", reason: "SELF_SIGNED_CERT_IN_CHAIN" });
  expect(authorizations).toEqual([]);
});

test("sends nothing where the certificate is another host's", async () => {
  const { certificate, key } = await makeClientCertificate("callee.example");
  server.setSecureContext({ cert: certificate, key });
  setDefaultCACertificates([...trusted, certificate]);
  const outcome = await call("localhost");
  expect(outcome).toMatchObject({ kind: "no-response", reason: "ERR_TLS_CERT_ALTNAME_INVALID" });
  expect(authorizations).toEqual([]);
});
