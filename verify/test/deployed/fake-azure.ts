/** A fake of Resource Manager, Microsoft Graph and the sites, over real HTTP. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { AccessToken, TokenCredential } from "@azure/identity";
import type { Report } from "../../model/report.ts";
import { builtService } from "../../model/built-service.ts";
import { verifyDeployment } from "../../verify.ts";
import { type Answer, type Answers, AUTHORITY, environmentOf, healthy, ids, main, MARKERS, scm } from "./answers.ts";

/** Azure as the verification meets it: Resource Manager, Microsoft Graph, and two sites with their SCM sites; over real HTTP. */
export interface FakeAzure {
  /** What it answers; a test changes it in place. */
  answers: Answers;
  /** Answers in place of them what Resource Manager has a state for; undefined for what it has not. */
  respond: (method: string, path: string, body: string) => Answer | undefined;
  /** Every request, by method and path, with what it carried. */
  readonly requests: {
    readonly what: string;
    readonly authorization: string;
    readonly key: string;
    readonly body: string;
  }[];
  readonly environment: Record<string, string>;
  readonly endpoints: { resourceManager: string; graph: string; authority: string; scmUrl: (url: string) => string };
  /** Back to health. */
  reset(): void;
  stop(): Promise<void>;
}

const SERVICES = ["callee-func", "caller-func"] as const;

/** In place of a status: the connection breaks. */
export const BROKEN = -1;

export async function startFakeAzure(): Promise<FakeAzure> {
  const servers: Server[] = [];
  const listen = async (keyOf: (request: IncomingMessage) => string[]): Promise<string> => {
    const server = createServer((request, response) => {
      void answer(request, response, keyOf(request));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  /** The first of the keys that has an answer decides. */
  const answer = async (request: IncomingMessage, response: ServerResponse, keys: string[]): Promise<void> => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    fake.requests.push({
      what: keys[0] ?? "",
      authorization: request.headers.authorization ?? "",
      key: String(request.headers["x-functions-key"] ?? ""),
      body,
    });
    const [method = "", path = ""] = (keys[0] ?? "").split(" ");
    const found =
      fake.respond(method, path, body) ?? keys.map((key) => fake.answers[key]).find((one) => one !== undefined);
    const { status: usual, withMasterKey = usual, headers = {}, body: sent } = sequence(found);
    const status = request.headers["x-functions-key"] === MARKERS.masterKey ? withMasterKey : usual;
    const text = typeof sent === "string" ? sent : JSON.stringify(sent ?? null);
    if (status === 0) return; // Never answers.
    if (status === BROKEN) {
      request.socket.destroy();
      return;
    }
    const fill = (form: string): string => filled(form, body, request);
    const filledHeaders = Object.fromEntries(Object.entries(headers).map(([name, form]) => [name, fill(form)]));
    response.writeHead(status, { "content-type": "application/json", ...filledHeaders });
    response.end(fill(text));
  };
  const filled = (form: string, body: string, { url = "", headers }: IncomingMessage): string => {
    const workId = /"workId":"([^"]+)"/.exec(body)?.[1] ?? url.split("/").at(-1) ?? "";
    // In an answer of Resource Manager it is a route's.
    return (url.startsWith("/subscriptions/") ? form : form.replaceAll("{workId}", workId))
      .replaceAll("{graph}", graph)
      .replaceAll("{authorization}", headers.authorization ?? "")
      .replaceAll("{key}", String(headers["x-functions-key"] ?? ""));
  };

  const azureKeys = (request: IncomingMessage): string[] => [
    `${request.method ?? ""} ${decodeURIComponent((request.url ?? "").replace(/\?.*$/, ""))}`,
  ];
  const siteKeys = (site: string) => (request: IncomingMessage) => {
    const path = (request.url ?? "").replace(/\?.*$/, "");
    const method = request.method ?? "";
    return [`${method} ${site}${path}`, `${method} ${site}${path.replace(/[^/]*$/, "")}`, site];
  };
  const resourceManager = await listen(azureKeys);
  const graph = await listen(azureKeys);
  const urls = Object.fromEntries(
    await Promise.all(SERVICES.map(async (service) => [service, await listen(siteKeys(main(service)))] as const)),
  );
  const scmUrls = Object.fromEntries(
    await Promise.all(
      SERVICES.map(async (service) => [urls[service] ?? "", await listen(siteKeys(scm(service)))] as const),
    ),
  );

  const entryPoints = Object.fromEntries(
    await Promise.all(SERVICES.map(async (service) => [service, await entryPoint(service)] as const)),
  );

  const fake: FakeAzure = {
    answers: healthy({ urls, entryPoints }),
    respond: () => undefined,
    requests: [],
    environment: environmentOf(urls),
    endpoints: { resourceManager, graph, authority: AUTHORITY, scmUrl: (url) => scmUrls[url] ?? "" },
    reset() {
      fake.answers = healthy({ urls, entryPoints });
      fake.respond = () => undefined;
      fake.requests.length = 0;
    },
    async stop() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
  return fake;
}

async function entryPoint(service: string): Promise<string> {
  return (await builtService(service)).entryPoint;
}

const NOT_FOUND: Answer = { status: 404, body: { error: { code: "ResourceNotFound", message: "It was not found." } } };

function sequence(answer: Answer | undefined): Answer {
  const first = answer?.before?.shift();
  return first === undefined ? (answer ?? NOT_FOUND) : { ...first, body: "" };
}

/** What whoever looks is signed in as: for Azure itself always; for the callee as given. */
export function credential(forCallee: () => string | Error = notAssigned): TokenCredential {
  return {
    getToken(scope) {
      if (!String(scope).startsWith("api://")) return Promise.resolve(token(MARKERS.token));
      const result = forCallee();
      return result instanceof Error ? Promise.reject(result) : Promise.resolve(token(result));
    },
  };
}

function token(text: string): AccessToken {
  return { token: text, expiresOnTimestamp: Date.now() + 3_600_000 };
}

/** As Entra ID refuses an app that is assigned nothing. */
export function notAssigned(): Error {
  return new Error(
    `invalid_grant: Error(s): 501051 - AADSTS501051: Application '${ids.client}' is not assigned to a role for the application.`,
  );
}

const nothing = (): void => undefined;
const quiet = { total: nothing, step: nothing, note: nothing, end: nothing };

export function look(azure: FakeAzure, options: Partial<Parameters<typeof verifyDeployment>[0]> = {}): Promise<Report> {
  return verifyDeployment({ only: null, ...optionsOf(azure), ...options });
}

/** What a command needs to read the fake Azure as a deployment, without waits. */
export function optionsOf({ environment, endpoints }: FakeAzure): Omit<Parameters<typeof verifyDeployment>[0], "only"> {
  return {
    ...{ progress: quiet, environment, endpoints, credential: credential() },
    timeouts: { requestMs: 2_000, work: { totalMs: 2_000, pollMs: 10 } },
    wait: () => Promise.resolve(),
  };
}
