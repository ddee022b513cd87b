import "../../tools/testing/example-system.ts";
import { spawnSync } from "node:child_process";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { listen, type Listener } from "../../tools/listen.ts";
import { scmAccess } from "../scm-access/main.ts";
import type { Restriction } from "../scm-access/resource-manager.ts";
import { open } from "../scm-access/index.ts";

const declared = { name: "deployer-1", action: "Allow", priority: 100, ipAddress: "192.0.2.0/24", tag: "Default" };
/** Resource Manager shows the default action among the rules. */
const synthetic = { name: "Deny all", action: "Deny", priority: 2147483647, ipAddress: "Any" };
const foreign = { name: "runner-99", action: "Allow", priority: 1000, ipAddress: "198.51.100.9/32" };
const mine = { name: "runner-1", action: "Allow", priority: 1000, ipAddress: "203.0.113.7/32" };

/** One site, with the SCM site that its front end guards: a server of its own. */
interface FakeSite {
  readonly host: string;
  restrictions: readonly Restriction[];
  /** Those that the front end judges by: they follow with a lag. */
  inForce: readonly Restriction[];
  /** The addresses that this machine is seen to come from, one for each request; the last one stays. */
  seenAs: string[];
  /** How many requests it still takes until they do. */
  lag: number;
  /** The names that it forgets to take out. */
  keeps: readonly string[];
  stopped: boolean;
  /** How often the SCM site itself does not answer yet, and with what. */
  starting: number;
  startsWith: number;
}

let sites: Record<string, FakeSite>;
/** What Resource Manager answers instead, once for each entry. */
let faults: { readonly method: string; readonly path: RegExp; readonly status: number }[];
let requests: string[];
let servers: Listener[];
let resourceManager: string;
let output: string;

beforeEach(async () => {
  [sites, faults, requests, servers, output] = [{}, [], [], [], ""];
  resourceManager = `http://${await serve(answerAsResourceManager)}`;
  for (const name of ["callee-func-abc", "caller-func-abc"]) {
    const host = await serve((request, response) => {
      answerAsScmSite(siteCalled(name), request, response);
    });
    sites[name] = {
      host,
      restrictions: [declared, foreign, synthetic],
      inForce: [],
      seenAs: ["203.0.113.7"],
      lag: 0,
      keeps: [],
      stopped: false,
      starting: 0,
      startsWith: 503,
    };
  }
  const note = (line: string): void => void (output += `${line}\n`);
  vi.spyOn(console, "error").mockImplementation(note);
  vi.spyOn(console, "log").mockImplementation(note);
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const server of servers) await server.stop();
});

describe("open", () => {
  it("lets the address that the platform sees in to both SCM sites, and leaves all other rules as they are", async () => {
    expect(await run("open")).toBe(0);
    for (const name of Object.keys(sites)) {
      expect(siteCalled(name).restrictions).toEqual([declared, foreign, synthetic, expect.objectContaining(mine)]);
    }
  });

  it("waits for the effect, and adds nothing twice meanwhile", async () => {
    siteCalled("callee-func-abc").lag = 5;
    expect(await run("open")).toBe(0);
    expect(rulesOf("callee-func-abc")).toEqual(["deployer-1", "runner-99", "Deny all", "runner-1"]);
    expect(requests.filter((request) => request.startsWith("PATCH") && request.includes("callee"))).toHaveLength(1);
  });

  it("adds no rule where a declared range has the runner's fixed address", async () => {
    for (const site of Object.values(sites)) site.seenAs = ["192.0.2.20"];
    expect(await run("open")).toBe(0);
    expect(requests.filter((request) => request.startsWith("PATCH"))).toEqual([]);
  });

  it("adds no rule where a declared range has the address and has no effect yet", async () => {
    Object.assign(siteCalled("callee-func-abc"), { seenAs: ["192.0.2.20"], lag: 3 });
    siteCalled("callee-func-abc").restrictions = [declared];
    expect(await run("open")).toBe(0);
    expect(rulesOf("callee-func-abc")).toEqual(["deployer-1"]);
  });

  it("puts a second address into the same rule", async () => {
    siteCalled("callee-func-abc").seenAs = ["203.0.113.7", "203.0.113.8"];
    expect(await run("open")).toBe(0);
    expect(siteCalled("callee-func-abc").restrictions.at(-1)).toMatchObject({
      name: "runner-1",
      ipAddress: "203.0.113.7/32,203.0.113.8/32",
    });
  });

  it("does not take one answer for that of all machines of the front end", async () => {
    siteCalled("callee-func-abc").seenAs = ["192.0.2.20", "203.0.113.7"];
    expect(await run("open")).toBe(0);
    expect(rulesOf("callee-func-abc")).toContain("runner-1");
  });

  it("lets an IPv6 address in by itself alone", async () => {
    siteCalled("caller-func-abc").seenAs = ["2001:db8::7"];
    expect(await run("open")).toBe(0);
    expect(siteCalled("caller-func-abc").restrictions.at(-1)).toMatchObject({ ipAddress: "2001:db8::7/128" });
  });

  it("fails where a site goes on refusing", async () => {
    siteCalled("callee-func-abc").lag = Infinity;
    expect(await run("open")).toBe(1);
    expect(output).toContain("callee-func-abc: The SCM site still refuses this machine");
  });

  it("fails where the machine comes from more addresses than a rule can hold", async () => {
    siteCalled("callee-func-abc").seenAs = Array.from({ length: 20 }, (_, i) => `203.0.113.${i + 1}`);
    expect(await run("open")).toBe(1);
    expect(output).toContain("more than 8 outbound addresses");
    expect(siteCalled("callee-func-abc").restrictions.at(-1)?.ipAddress?.split(",")).toHaveLength(8);
  });

  it("fails where the machine comes through a service endpoint, which no address range can let in", async () => {
    siteCalled("callee-func-abc").seenAs = ["fd00:0:0:1:7d12:200:a00:4"];
    expect(await run("open")).toBe(1);
    expect(output).toContain("Remove Microsoft.Web from the service endpoints of its subnet");
    expect(rulesOf("callee-func-abc")).not.toContain("runner-1");
  });

  it("fails, at once and without a rule, where the machine has an address of an external caller", async () => {
    siteCalled("callee-func-abc").seenAs = ["203.0.113.7", "203.0.113.129"];
    expect(await run("open")).toBe(1);
    expect(output).toContain("203.0.113.129, an address of the external caller partner-gateway");
    expect(siteCalled("callee-func-abc").restrictions.at(-1)?.ipAddress).toBe("203.0.113.7/32");
  });

  it("fails where a 403 is not an access restriction's", async () => {
    siteCalled("callee-func-abc").stopped = true;
    expect(await run("open")).toBe(1);
    expect(output).toContain("Is the app stopped?");
  });

  it("waits until the SCM site itself answers the deployment's token", async () => {
    siteCalled("callee-func-abc").starting = 3;
    expect(await run("open")).toBe(0);
    const taken = requests.filter((request) => request.startsWith("GET /api/deployments"));
    expect(taken).toHaveLength(3 + 2 * 3);
  });

  it("fails where the SCM site does not take the token", async () => {
    Object.assign(siteCalled("callee-func-abc"), { starting: Infinity, startsWith: 401 });
    expect(await run("open")).toBe(1);
    expect(output).toContain(
      "callee-func-abc: The SCM site returned 401 for the deployment's token: the deployer needs a role",
    );
  });

  it("says what it waits for", async () => {
    siteCalled("callee-func-abc").lag = 12;
    expect(await run("open")).toBe(0);
    expect(output).toContain("callee-func-abc: waiting, attempt 10 of 20. The SCM site still refuses this machine");
  });

  it.each([401, 403])("ends at once where Resource Manager answers %d", async (status) => {
    faults = Array.from({ length: 100 }, () => ({ method: "GET", path: /sites$/, status }));
    expect(await run("open")).toBe(1);
    expect(output).toContain(`Resource Manager returned ${status} for GET: AuthorizationFailed: No permission.`);
    expect(requests).toHaveLength(1);
  });

  it("says why Resource Manager cannot be reached", async () => {
    await servers[0]?.stop();
    expect(await run("open")).toBe(1);
    expect(output).toMatch(/Resource Manager \(http:.*\) cannot be reached: fetch failed \(.*ECONNREFUSED/);
  });

  it("fails when its time is over, however many attempts are left", async () => {
    siteCalled("callee-func-abc").lag = Infinity;
    const deployment = { resourceManager, token: "token", subscriptionId: "s", resourceGroup: "rg-dev" };
    const options = { origin: (host: string) => `http://${host}`, pauseMs: 1, attempts: 1e9, timeoutMs: 100 };
    await expect(open(deployment, "runner-1", options)).rejects.toThrow(/callee-func-abc: The SCM site still refuses/);
  });

  it("fails where nothing is deployed", async () => {
    sites = {};
    expect(await run("open")).toBe(1);
    expect(output).toContain("no site in the resource group rg-dev");
  });
});

describe("close", () => {
  beforeEach(() => {
    for (const site of Object.values(sites)) {
      site.restrictions = [declared, foreign, mine, synthetic];
      site.inForce = site.restrictions;
    }
  });

  it("removes its own rule from both sites, and leaves all other rules as they are", async () => {
    expect(await run("close")).toBe(0);
    for (const { restrictions } of Object.values(sites)) expect(restrictions).toEqual([declared, foreign, synthetic]);
  });

  it("does nothing the second time", async () => {
    expect([await run("close"), await run("close")]).toEqual([0, 0]);
    expect(requests.filter((request) => request.startsWith("PATCH"))).toHaveLength(2);
  });

  it("cleans up after an open that got no further than one site", async () => {
    siteCalled("callee-func-abc").restrictions = [declared, foreign, synthetic];
    expect(await run("close")).toBe(0);
    expect(rulesOf("caller-func-abc")).not.toContain("runner-1");
  });

  it("undoes an open that failed", async () => {
    for (const site of Object.values(sites)) site.restrictions = site.inForce = [declared];
    siteCalled("caller-func-abc").lag = Infinity;
    expect(await run("open")).toBe(1);
    siteCalled("caller-func-abc").lag = 0;
    expect(await run("close")).toBe(0);
    for (const { restrictions } of Object.values(sites)) expect(restrictions).toEqual([declared]);
  });

  it("tries again where Resource Manager fails for a moment", async () => {
    faults = [
      { method: "GET", path: /sites$/, status: 429 },
      { method: "GET", path: /callee/, status: 503 },
      { method: "PATCH", path: /callee/, status: 409 },
    ];
    expect(await run("close")).toBe(0);
    expect(faults).toEqual([]);
    expect(rulesOf("callee-func-abc")).not.toContain("runner-1");
  });

  it("fails loudly where the removal is refused, and still cleans the other site", async () => {
    faults = Array.from({ length: 100 }, () => ({ method: "PATCH", path: /callee/, status: 403 }));
    expect(await run("close")).toBe(1);
    expect(output).toContain("callee-func-abc: Resource Manager returned 403 for PATCH: AuthorizationFailed");
    expect(output).toContain("An address may still have access");
    expect(rulesOf("caller-func-abc")).not.toContain("runner-1");
  });

  it("fails loudly where the removal is accepted, and the rule is there all the same", async () => {
    siteCalled("callee-func-abc").keeps = ["runner-1"];
    expect(await run("close")).toBe(1);
    expect(output).toContain("callee-func-abc: runner-1 is still among the access restrictions");
  });

  it("fails loudly where the rule is gone, and the site answers this machine all the same", async () => {
    siteCalled("callee-func-abc").lag = Infinity;
    expect(await run("close")).toBe(1);
    expect(output).toContain("callee-func-abc: runner-1 is removed, but the SCM site still accepts this machine");
  });

  it("fails where it can see no site: it may have looked in the wrong place", async () => {
    sites = {};
    expect(await run("close")).toBe(1);
  });

  it("--all removes what other runs left behind, and nothing that was declared", async () => {
    expect(await run("close", "--all")).toBe(0);
    for (const { restrictions } of Object.values(sites)) expect(restrictions).toEqual([declared, synthetic]);
  });
});

describe("the command", () => {
  it.each([[[]], [["ajar"]], [["open", "--all"]], [["open", "close"]], [["close", "--everything"]]])(
    "explains itself for %j, and does nothing",
    async (argv) => {
      expect(await run(...argv)).toBe(2);
      expect(output).toContain("--help shows the usage.");
      expect(requests).toEqual([]);
    },
  );

  it("says which values are missing", async () => {
    expect(await scmAccess(["open"], { AZURE_ENV_NAME: "dev" }, { resourceManager, accessToken: () => "t" })).toBe(1);
    expect(output).toContain("Set AZURE_SUBSCRIPTION_ID and AZURE_ENV_NAME");
  });

  it("sends the token to Resource Manager, and to SCM sites that let this machine in", async () => {
    siteCalled("callee-func-abc").lag = 3;
    expect(await run("open")).toBe(0);
    const withToken = requests.filter((request) => request.endsWith("Bearer token"));
    expect(withToken.every((request) => /^\w+ \/(subscriptions|api\/deployments)/.test(request))).toBe(true);
    expect(requests.filter((request) => request.startsWith("GET / "))).not.toEqual([]);
  });

  it("runs by itself, and says what to do where azd is not there", () => {
    const main = join(import.meta.dirname, "..", "scm-access", "main.ts");
    const env = { PATH: "", AZURE_SUBSCRIPTION_ID: "s", AZURE_ENV_NAME: "dev" };
    const [help, opened] = ["--help", "open"].map((argument) =>
      spawnSync(process.execPath, [main, argument], { encoding: "utf8", env }),
    );
    expect([help?.status, opened?.status]).toEqual([0, 1]);
    expect(help?.stdout).toContain("npm run scm-access -- open");
    expect(opened?.stderr).toContain("azd cannot be run");
  });
});

function run(...argv: string[]): Promise<number> {
  const environment = { AZURE_SUBSCRIPTION_ID: "s", AZURE_ENV_NAME: "dev", GITHUB_RUN_ID: "1" };
  const options = { origin: (host: string) => `http://${host}`, pauseMs: 1, attempts: 20 };
  return scmAccess(argv, environment, { resourceManager, accessToken: () => "token" }, options);
}

function siteCalled(name: string): FakeSite {
  const site = sites[name];
  if (site === undefined) throw new Error(`There is no ${name} in this test.`);
  return site;
}

function rulesOf(name: string): (string | undefined)[] {
  return siteCalled(name).restrictions.map((restriction) => restriction.name);
}

async function serve(listener: RequestListener): Promise<string> {
  const server = await listen(0, (request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push(`${method} ${url} ${headers.authorization ?? ""}`);
    listener(request, response);
  });
  servers.push(server);
  return `127.0.0.1:${server.port}`;
}

function answerAsResourceManager(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? "", resourceManager);
  const path = pathname.replace("/subscriptions/s/resourceGroups/rg-dev/providers/Microsoft.Web", "");
  const fault = faults.findIndex(({ method, path: pattern }) => method === request.method && pattern.test(path));
  if (fault !== -1) {
    const [{ status } = { status: 500 }] = faults.splice(fault, 1);
    answer(response, status, { error: { code: "AuthorizationFailed", message: "No permission." } });
    return;
  }
  const names = Object.keys(sites);
  if (path === "/sites" && names.length === 0) {
    answer(response, 404, { error: { code: "ResourceGroupNotFound", message: "No such group." } });
  } else if (path === "/sites") {
    // Page by page, one site each.
    const at = Number(searchParams.get("$skipToken") ?? 0);
    const nextLink = `${resourceManager}${pathname}?api-version=2025-03-01&$skipToken=${at + 1}`;
    const value = names.slice(at, at + 1).map((name) => ({
      name,
      properties: {
        hostNameSslStates: [
          { name: `${name}.azurewebsites.net`, hostType: "Standard" },
          { name: siteCalled(name).host, hostType: "Repository" },
        ],
      },
    }));
    answer(response, 200, at + 1 < names.length ? { value, nextLink } : { value });
  } else {
    answerAsConfiguration(siteCalled(path.split("/")[2] ?? ""), request, response);
  }
}

function answerAsConfiguration(site: FakeSite, request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (request.method === "PATCH") {
      const { properties } = JSON.parse(Buffer.concat(chunks).toString()) as {
        readonly properties: { readonly scmIpSecurityRestrictions: readonly Restriction[] };
      };
      const kept = site.restrictions.filter(({ name }) => name !== undefined && site.keeps.includes(name));
      site.restrictions = [...properties.scmIpSecurityRestrictions, ...kept];
    }
    answer(response, 200, { name: "web", properties: { scmIpSecurityRestrictions: site.restrictions } });
  });
}

/** The front end: refuses as App Service does. What is behind it asks for credentials, and takes any. */
function answerAsScmSite(site: FakeSite, request: IncomingMessage, response: ServerResponse): void {
  if (site.lag === 0) site.inForce = site.restrictions;
  site.lag = Math.max(0, site.lag - 1);
  const address = (site.seenAs.length > 1 ? site.seenAs.shift() : site.seenAs[0]) ?? "";
  const isIn = site.inForce.some(
    ({ action, ipAddress = "" }) =>
      action === "Allow" &&
      (ipAddress.split(",").some((range) => range.split("/")[0] === address) ||
        (ipAddress === declared.ipAddress && address.startsWith("192.0.2."))),
  );
  if (site.stopped) response.writeHead(403).end("Site Disabled");
  else if (isIn && request.headers.authorization === undefined) response.writeHead(401).end();
  else if (isIn && site.starting > 0) {
    site.starting -= 1;
    response.writeHead(site.startsWith).end();
  } else if (isIn) answer(response, 200, {});
  else {
    const seen = address.includes(":") ? `[${address}]` : address;
    response.writeHead(403, { "x-ms-forbidden-ip": seen, connection: "close" }).end("Ip Forbidden");
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
