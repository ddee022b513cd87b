import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { managedIdentity } from "../identity/managed-identity.ts";

test("the request for a managed identity's token, with its secret header, goes to no proxy", async () => {
  const asked: string[] = [];
  const proxy = await serve((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(502).end();
  });
  const platform = await serve((request, response) => {
    const expiresOn = String(Math.floor(Date.now() / 1000) + 3600);
    const token = { access_token: "a.b.c", expires_on: expiresOn, resource: "r", token_type: "Bearer" };
    if (request.headers["x-identity-header"] !== "secret") response.writeHead(401);
    response.end(JSON.stringify(token));
  });
  // As an app's settings might name it. The SDK reads them once in a process.
  const settings = { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: "", no_proxy: "" };
  const ofPlatform = { IDENTITY_ENDPOINT: `${platform}/msi/token`, IDENTITY_HEADER: "secret" };
  for (const [name, value] of Object.entries({ ...settings, ...ofPlatform })) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());

  const credential = await managedIdentity("11111111-1111-4111-8111-111111111111");
  expect(await credential.getToken("api://test/.default").catch(String)).toMatchObject({ token: "a.b.c" });
  expect(asked).toEqual([]);
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
