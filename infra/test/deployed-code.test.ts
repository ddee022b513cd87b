import { spawnSync } from "node:child_process";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listen, type Listener } from "../../tools/listen.ts";
import { requireDeployed, synchroniseTriggers } from "../hooks/deployed-code.ts";

const [MINUTE, HOUR] = [60_000, 3_600_000];

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the server answers, in turn; the last one stays. */
let answers: Answer[];
let requests: string[];
let servers: Listener[];
let host: string;
let output: string;

beforeEach(async () => {
  [answers, requests, servers, output] = [[], [], [], ""];
  host = await serve((request, response) => {
    requests.push(`${request.method ?? ""} ${request.url ?? ""} ${request.headers.authorization ?? ""}`);
    const { status, body, headers = {} } = (answers.length > 1 ? answers.shift() : answers[0]) ?? { status: 500 };
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(body === undefined ? "" : JSON.stringify(body));
  });
});

afterEach(async () => {
  for (const server of servers) await server.stop();
});

/**
 * As Kudu answers GET /api/deployments/latest: Kudu.Contracts/Deployment/DeployResult.cs and
 * Kudu.Services/Deployment/DeploymentController.cs of github.com/Azure-App-Service/KuduLite.
 */
function deployment(status: number, received = Date.now()): Answer {
  const isComplete = status >= 3;
  return {
    status: isComplete ? 200 : 202,
    body: {
      id: "d1",
      status,
      status_text: status === 3 ? "Package deployment failed" : "",
      author_email: "N/A",
      deployer: "ZipDeploy",
      progress: "",
      received_time: new Date(received).toISOString().replace("Z", "1234Z"),
      start_time: new Date(received).toISOString(),
      end_time: isComplete ? new Date(received).toISOString() : null,
      complete: isComplete,
      active: status === 4,
      is_temp: false,
    },
  };
}

describe("the code of a site", () => {
  it("is this run's where its newest deployment succeeded and is younger than the run", async () => {
    answers = [deployment(4)];
    await check();
    expect(requests).toEqual(["GET /api/deployments/latest Bearer token"]);
    expect(output).toContain("callee-func-abc: deployed (d1, received ");
  });

  it("is not this run's where the deployment failed, of which azd sees only that it is complete", async () => {
    answers = [deployment(3)];
    await expect(check()).rejects.toThrow(
      /^callee-func-abc: the deployment d1 failed: Package deployment failed\..*az functionapp log deployment show --resource-group rg-dev --name callee-func-abc/,
    );
    expect(requests).toHaveLength(1);
  });

  it("is not this run's where the newest deployment is older than the run", async () => {
    answers = [deployment(4, Date.now() - HOUR)];
    await expect(check()).rejects.toThrow(/the newest deployment is of .*, before this run began/);
  });

  it("is waited for while the deployment goes on, and where none is known yet", async () => {
    answers = [{ status: 404 }, deployment(0), deployment(1), { status: 503 }, deployment(4)];
    await check();
    expect(output).toContain("the SCM site has no deployment yet; retrying");
    expect(output).toContain("the deployment has the status Building; retrying");
    expect(output).toContain("the SCM site returned 503; retrying");
  });

  it("is not known where the deployment never ends, nor where Kudu has a word of its own for its end", async () => {
    answers = [deployment(2)];
    await expect(check()).rejects.toThrow("the deployment has the status Deploying");
    answers = [deployment(6)];
    await expect(check()).rejects.toThrow("the deployment has the status 6");
  });

  it.each([
    ["behind", -HOUR],
    ["ahead", HOUR],
  ])("is judged by durations: this machine's clock may be an hour %s", async (_how, ahead) => {
    // The SCM site's clock, seen from here.
    const now = Date.now() - ahead;
    const date = new Date(now).toUTCString();
    answers = [{ ...deployment(4, now - MINUTE / 2), headers: { date } }];
    await check();
    answers = [{ ...deployment(4, now - 2 * MINUTE), headers: { date } }];
    await expect(check()).rejects.toThrow("before this run began");
  });

  it("is not known where the SCM site refuses this machine, which is said at once", async () => {
    answers = [{ status: 403, headers: { "x-ms-forbidden-ip": "203.0.113.9" } }];
    await expect(check()).rejects.toThrow(
      /refuses this machine's address, 203\.0\.113\.9: .*RESTRICTED_DEPLOYER_ADDRESS_RANGES/,
    );
    answers = [{ status: 401 }];
    await expect(check()).rejects.toThrow(/returned 401: the deployer needs a role/);
    expect(requests).toHaveLength(2);
  });

  it("is not asked for where an answer points elsewhere: the token stays here", async () => {
    const elsewhere: string[] = [];
    const other = await serve((request, response) => {
      elsewhere.push(request.headers.authorization ?? "");
      response.end();
    });
    answers = [{ status: 302, headers: { location: `http://${other}/` } }];
    await expect(check()).rejects.toThrow();
    expect(elsewhere).toEqual([]);
  });

  it("is not known where nothing answers, and the cause is said", async () => {
    for (const server of servers) await server.stop();
    await expect(check()).rejects.toThrow("ECONNREFUSED");
  });
});

describe("triggers", () => {
  /** Resource Manager's answer for a host that is just starting: Azure/azure-functions-core-tools issue 3008. */
  const starting = {
    status: 400,
    body: { error: { code: "BadRequest", message: "Encountered an error (ServiceUnavailable) from host runtime." } },
  };

  it("are synchronised through Resource Manager, also while the host still starts", async () => {
    answers = [starting, { status: 503 }, { status: 204 }];
    await synchronise();
    expect(new Set(requests)).toEqual(
      new Set([
        "POST /subscriptions/s/resourceGroups/rg-dev/providers/Microsoft.Web/sites/callee-func-abc/syncfunctiontriggers" +
          "?api-version=2025-03-01 Bearer token",
      ]),
    );
    expect(requests).toHaveLength(3);
    expect(output).toContain("Encountered an error (ServiceUnavailable) from host runtime.; retrying");
  });

  it("are not where the host never answers; the command for later is said", async () => {
    answers = [starting];
    await expect(synchronise()).rejects.toThrow(
      /Encountered an error.*\n.*az rest --method POST --url ".*\/callee-func-abc\/syncfunctiontriggers\?/,
    );
  });

  it.each([
    [403, { error: { code: "AuthorizationFailed", message: "No permission." } }, "AuthorizationFailed"],
    [404, { error: { code: "ResourceNotFound", message: "No such site." } }, "no longer finds callee-func-abc"],
  ])("are not where Resource Manager answers %d, which is final", async (status, body, message) => {
    answers = [{ status, body }];
    await expect(synchronise()).rejects.toThrow(message);
    expect(requests).toHaveLength(1);
  });
});

it("the hook fails where the service is not deployed", () => {
  const hook = join(import.meta.dirname, "..", "hooks", "after-service.ts");
  const env = { ...process.env, SERVICES: "[]" };
  const { status, stderr } = spawnSync(process.execPath, [hook, "callee-func"], { encoding: "utf8", env });
  expect([status, stderr.trim()]).toEqual([1, "The output SERVICES has no service 'callee-func': run azd provision."]);
});

const site = { name: "callee-func-abc", scmHost: "callee-func-abc.scm.azurewebsites.net" };

/** The run began a minute ago. */
function check(): Promise<void> {
  return requireDeployed(theDeployment(), site, new Date(Date.now() - MINUTE), options());
}

function synchronise(): Promise<void> {
  return synchroniseTriggers(theDeployment(), site, options());
}

function theDeployment() {
  return { resourceManager: `http://${host}`, token: "token", subscriptionId: "s", resourceGroup: "rg-dev" };
}

function options() {
  return {
    origin: (scmHost: string) => (scmHost === site.scmHost ? `http://${host}` : "http://unknown.invalid"),
    pauseMs: 1,
    attempts: 5,
    log: (line: string) => void (output += `${line}\n`),
  };
}

async function serve(listener: RequestListener): Promise<string> {
  const server = await listen(0, listener);
  servers.push(server);
  return `127.0.0.1:${server.port}`;
}
