/** The probe: its calls, its life, and what it leaves behind; against a stand-in of Resource Manager. */
import "../../tools/testing/example-system.ts";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CannotStartError } from "../deployed/environment.ts";
import type { ProbeOptions } from "../deployed/probe/probe.ts";
import type { Report } from "../model/report.ts";
import { exitCodeOf } from "../model/status.ts";
import { renderHtml } from "../report/html.ts";
import { MARKERS, resource } from "./deployed/answers.ts";
import { BROKEN, type FakeAzure, look, startFakeAzure } from "./deployed/fake-azure.ts";
import { type FakeProbe, fakeProbe, goodLog, network, parts, probeIds, refused } from "./deployed/fake-probe.ts";

let azure: FakeAzure;
let probe: FakeProbe;
let notes: string[];
let plans: string[];
beforeAll(async () => {
  azure = await startFakeAzure();
});
beforeEach(() => {
  azure.reset();
  use(fakeProbe(azure.endpoints.resourceManager));
  notes = [];
  plans = [];
});
afterAll(() => azure.stop());

function use(fake: FakeProbe): void {
  probe = fake;
  azure.respond = fake.respond;
}

const OTHER_SUBNET = "both/*/otherSubnet";

/** Runs the proof with the probe. */
function lookInside(
  options: Partial<ProbeOptions> = {},
  only: string | null = OTHER_SUBNET,
  environment = azure.environment,
): Promise<Report> {
  return look(azure, {
    only,
    environment,
    ...(options.signal !== undefined && { signal: options.signal }),
    probe: {
      confirm: (plan) => {
        plans.push(plan);
        return Promise.resolve(true);
      },
      note: (line) => {
        notes.push(line);
      },
      ...options,
    },
  });
}

const made = ({ cells }: Report): Report["cells"] =>
  cells.filter(
    ({ origin, caller }) => origin === "otherSubnet" && /^(no-token|forged-token|probe-identity)$/.test(caller ?? ""),
  );

/** Of the calls of the probe, those with this result. The matrix has two more, which would start something. */
const withResult = (report: Report, result: string): string[] =>
  made(report)
    .filter((cell) => cell.result === result && !/host-(re)?start\//.test(cell.id))
    .map(({ id }) => id);

/** How the command calls them. */
const TITLE = {
  address: "public IP address",
  gateway: "NAT gateway",
  subnet: "subnet",
  identity: "managed identity",
  container: "container",
} as const;

const created = parts.map((part) => `PUT ${part}`);
const removed = parts.toReversed().map((part) => `DELETE ${part}`);

describe("a probe in a right deployment", () => {
  it("makes the calls from another subnet, and removes everything in the order that Azure needs", async () => {
    const report = await lookInside({}, null);
    expect(withResult(report, "different")).toEqual([]);
    expect(withResult(report, "not-checked")).toEqual([]);
    const good = withResult(report, "as-expected");
    for (const id of ["set-record", "get-record", "health"].flatMap((operation) =>
      ["no-token", "forged-token", "probe-identity"].map((caller) => `both/${operation}/otherSubnet/${caller}`),
    ))
      expect(good).toContain(id);
    expect(good).toContain("both/host-keys/otherSubnet/no-token");
    expect(good).toContain("both/scm-callee-func/otherSubnet/forged-token");
    expect(good).toContain("both/scm-caller-func/otherSubnet/no-token");
    expect(probe.changes).toEqual([...created, ...removed]);
    expect(report.checks.filter(({ id }) => id.startsWith("probe/")).map(({ result }) => result)).toEqual([
      "as-expected",
      "as-expected",
    ]);
    expect(report.status).toBe("incomplete");
    expect(exitCodeOf(report)).toBe(0);
    expect(report.cells.find(({ id }) => id === "both/get-record/otherSubnet/forged-token")).toMatchObject({
      actual: { refusedBy: "network", status: 403 },
      note: "Made by the probe, from 10.0.255.240/28.",
    });
  });

  it("has no call twice, and writes a report that matches its schema, and a page", async () => {
    const report = await lookInside({}, null);
    const all = report.cells.map(({ id }) => id);
    expect(new Set(all).size).toBe(all.length);
    for (const { caller } of made(report)) expect(report.callers.map(({ id }) => id)).toContain(caller);
    const ajv = new Ajv2020({ allErrors: true });
    addFormats.default(ajv);
    const schema = await readFile(join(import.meta.dirname, "..", "model", "report.schema.json"), "utf8");
    const validate = ajv.compile(JSON.parse(schema) as object);
    expect(validate(report), JSON.stringify(validate.errors, null, 2)).toBe(true);
    expect(await renderHtml(report)).toContain("The identity of the probe");
  });

  it("sends what the evaluated template states, in the names of the deployment, and no secret", async () => {
    let sent: ReadonlyMap<string, unknown> = new Map();
    probe.instead.set("GET log", () => {
      sent = new Map(probe.there);
      return undefined;
    });
    await lookInside();
    expect(sent.get("subnet")).toEqual({
      properties: {
        addressPrefix: "10.0.255.240/28",
        delegations: [
          { name: "container-instances", properties: { serviceName: "Microsoft.ContainerInstance/containerGroups" } },
        ],
        serviceEndpoints: [{ service: "Microsoft.Web" }],
        natGateway: { id: probeIds.gateway },
      },
    });
    expect(sent.get("container")).toMatchObject({
      location: "westeurope",
      identity: { type: "UserAssigned", userAssignedIdentities: { [probeIds.identity]: {} } },
      properties: { restartPolicy: "Never", subnetIds: [{ id: probeIds.subnet }] },
    });
    const text = JSON.stringify([...sent]);
    for (const placeholder of ["{suffix}", "{location}", "{addressPrefix}", "{run}", "{calls}", "/snapshot/"])
      expect(text).not.toContain(placeholder);
    for (const marker of Object.values(MARKERS)) expect(text).not.toContain(marker);
    for (const part of parts.filter((one) => one !== "subnet"))
      expect(JSON.stringify(sent.get(part))).toMatch(/"tags":\{"restricted-calls-probe":"[0-9a-f-]{36}"\}/);
  });

  it("says before what it creates and what that costs", async () => {
    await lookInside();
    expect(plans).toHaveLength(1);
    for (const part of [
      "public IP address",
      "NAT gateway",
      "subnet",
      "10.0.255.240/28",
      "managed identity",
      "container",
    ])
      expect(plans[0]).toContain(part);
    expect(plans[0]).toContain("https://azure.microsoft.com/pricing/details/container-instances/");
  });

  it("is not created for a run that wants none of its calls", async () => {
    await lookInside({}, "both/*/here");
    expect([plans, probe.changes]).toEqual([[], []]);
    expect((await lookInside({}, "probe/results")).checks[0]).toMatchObject({ result: "not-checked" });
  });

  it("is created by somebody with rights on the resource group only, who cannot read the provider", async () => {
    probe.instead.set("GET provider", refused(403, "AuthorizationFailed"));
    expect(withResult(await lookInside(), "not-checked")).toEqual([]);
  });

  it("is created where Azure refuses to read types of a provider that is not registered yet", async () => {
    probe.instead.set("GET provider", refused(403, "AuthorizationFailed"));
    probe.instead.set("GET container", () =>
      probe.there.has("container") ? undefined : refused(409, "MissingSubscriptionRegistration"),
    );
    expect(withResult(await lookInside(), "not-checked")).toEqual([]);
    expect(probe.changes).toEqual([...created, ...removed]);
  });

  it("is not created without --probe", async () => {
    await look(azure, { only: OTHER_SUBNET });
    expect(probe.changes).toEqual([]);
  });
});

describe("nothing is created", () => {
  const refusedWith = async (text: string, environment?: Record<string, string>): Promise<void> => {
    const error: unknown = await lookInside({}, OTHER_SUBNET, environment).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CannotStartError);
    expect(String(error)).toContain(text);
    expect(String(error)).toContain("Nothing was created.");
    expect([plans, probe.changes]).toEqual([[], []]);
  };

  it("without a confirmation", async () => {
    await expect(lookInside({ confirm: () => Promise.resolve(false) })).rejects.toThrow(CannotStartError);
    expect(probe.changes).toEqual([]);
  });

  it.each(parts)("beside another probe, of which there is: %s", async (part) => {
    probe.there.set(part, { location: "westeurope" });
    await refusedWith(`az resource delete --ids ${probeIds[part]}\n`);
  });

  it.each(parts)("if another verification starts while it asks, and has created: %s", async (part) => {
    const confirm = (): Promise<boolean> => {
      probe.there.set(part, { location: "westeurope" });
      return Promise.resolve(true);
    };
    await expect(lookInside({ confirm })).rejects.toThrow(CannotStartError);
    expect(probe.changes).toEqual([]);
  });

  it("if its range is no longer free after the question", async () => {
    const confirm = (): Promise<boolean> => {
      probe.instead.set("GET network", networkWith("10.0.0.0/24"));
      return Promise.resolve(true);
    };
    await expect(lookInside({ confirm })).rejects.toThrow("10.0.255.240/28 is no longer free");
    expect(probe.changes).toEqual([]);
  });

  it.each([
    ["the address space is full", ["10.0.0.0/28"]],
    ["only less than a /28 is free", ["10.0.0.0/26", "10.0.1.64/29"]],
    ["a subnet with several ranges has it all", ["10.0.1.0/26"]],
    ["all ranges are IPv6", ["fd12::/48"]],
  ])("if %s", async (_what, addressSpace) => {
    use(fakeProbe(azure.endpoints.resourceManager, addressSpace));
    await refusedWith(`${network} has no free /28`);
  });

  it.each([
    ["the network may not be read", "GET network", refused(403, "AuthorizationFailed"), "answered 403"],
    ["there is no network", "GET network", refused(404, "ResourceNotFound"), "azd provision"],
    ["the network has another form", "GET network", { status: 200, body: {} }, "in an unexpected form"],
    ["a range of the network is unreadable", "GET network", networkWith("10.0.0.0-10.0.0.9"), "no address range"],
    ["a resource may not be read", "GET subnet", refused(403, "AuthorizationFailed"), "answered 403"],
    [
      "the provider is not registered",
      "GET provider",
      { status: 200, body: { registrationState: "NotRegistered" } },
      "az provider register",
    ],
  ])("if %s", async (_what, key, answer, text) => {
    probe.instead.set(key, answer);
    await refusedWith(text);
  });

  it("if the provider is not registered, and no resource can be read", async () => {
    probe.instead.set("GET provider", { status: 200, body: { registrationState: "NotRegistered" } });
    for (const part of parts) probe.instead.set(`GET ${part}`, refused(403, "AuthorizationFailed"));
    await refusedWith("az provider register");
  });

  it("in the network of another team", async () => {
    const others = Object.fromEntries(
      ["caller-func", "callee-func"].map((service) => [
        service,
        resource.subnet(service).replace("rg-prod", "rg-others"),
      ]),
    );
    const environment = { ...azure.environment, RESTRICTED_EXISTING_SUBNETS: JSON.stringify(others) };
    await refusedWith("another team's", environment);
  });
});

function networkWith(range: string): { status: number; body: unknown } {
  const properties = { addressSpace: { addressPrefixes: [range] }, subnets: [] };
  return { status: 200, body: { location: "westeurope", properties } };
}

describe("a failure", () => {
  /** The probe failed, nothing is left, and no call passes. */
  const failedWith = async (text: string): Promise<void> => {
    const report = await lookInside({}, null);
    expect([...probe.there.keys()]).toEqual([]);
    expect(withResult(report, "as-expected")).toEqual([]);
    expect(withResult(report, "different")).toEqual([]);
    const [note] = new Set(
      made(report)
        .filter(({ id }) => !/host-(re)?start\//.test(id))
        .map((cell) => cell.note),
    );
    expect(note).toContain(text);
    const checkOf = (id: string) => report.checks.find((check) => check.id === id);
    expect(checkOf("probe/results")).toMatchObject({ result: "not-checked", note });
    expect(checkOf("probe/left-behind")?.result).toBe("as-expected");
    expect(exitCodeOf(report)).toBe(3);
  };

  it.each(parts)("of the creation is reported, and everything is removed: %s", async (part) => {
    probe.instead.set(`PUT ${part}`, refused(403, "RequestDisallowedByPolicy", "A policy forbids it."));
    await failedWith("RequestDisallowedByPolicy, A policy forbids it.");
    const before = parts.slice(0, parts.indexOf(part));
    expect(probe.changes).toEqual([
      ...before.map((one) => `PUT ${one}`),
      ...before.toReversed().map((one) => `DELETE ${one}`),
    ]);
  });

  it.each(["gateway", "subnet", "container"])("of an operation under way removes what it created: %s", async (part) => {
    const respond = azure.respond;
    let isLast = false;
    azure.respond = (method, path, body) => {
      if (method === "PUT") isLast = path === probeIds[part as keyof typeof probeIds];
      if (!isLast || !path.startsWith("/operations/")) return respond(method, path, body);
      isLast = false;
      return { status: 200, body: { status: "Failed", error: { code: "Broken", message: "It broke." } } };
    };
    await failedWith("failed: Broken, It broke.");
  });

  it("of a provider that is not registered is not tried again", async () => {
    probe.instead.set("PUT container", refused(409, "MissingSubscriptionRegistration"));
    await failedWith("MissingSubscriptionRegistration");
    expect(azure.requests.filter(({ what }) => what === `PUT ${probeIds.container}`)).toHaveLength(1);
  });

  it.each([
    [
      "an operation that never ends",
      "operation",
      { status: 200, body: { status: "InProgress" } },
      "did not end in time",
    ],
    ["a status in another form", "operation", { status: 200, body: [] }, "in an unexpected form"],
    [
      "a resource that is never ready",
      "GET address",
      { status: 200, body: { properties: { provisioningState: "Updating" } } },
      "did not end in time",
    ],
    ["a log that may not be read", "GET log", refused(403, "AuthorizationFailed"), "answered 403"],
    ["a container that is gone", "GET container", undefined, "is gone"],
    [
      "a container that never starts",
      "GET container",
      { status: 200, body: waiting() },
      "did not end in time. Its state: Pending",
    ],
  ])("of the wait: %s", async (_what, key, answer, text) => {
    // Only between the creation and the removal: before, nothing is there.
    probe.instead.set(key, () => {
      const isRemoval = azure.requests.some(({ what }) => what.startsWith("DELETE"));
      if (isRemoval || probe.changes.length === 0) return undefined;
      return answer ?? refused(404, "ResourceNotFound");
    });
    await failedWith(text);
  });

  it.each([
    ["no log", () => ""],
    ["garbage", () => "curl: command not found\n\u0000\u001b[31m{}\n"],
    [
      "the log of another run",
      (_run: string, calls: readonly string[]) => goodLog("00000000-0000-4000-8000-000000000000", calls),
    ],
    [
      "a log without an end",
      (run: string, calls: readonly string[]) => goodLog(run, calls).replace(`${run} end\n`, ""),
    ],
  ])("to understand the log passes no call: %s", async (_what, log) => {
    probe.log = log;
    await failedWith("The log of the probe is not complete.");
  });

  it("of the removal does not keep the rest, says what is left and how to remove it, and is a finding", async () => {
    probe.instead.set("DELETE identity", refused(403, "ScopeLocked", "A lock forbids it."));
    const report = await lookInside({}, null);
    expect([...probe.there.keys()]).toEqual(["identity"]);
    expect(notes.join("\n")).toContain("ScopeLocked, A lock forbids it.");
    expect(notes.at(-1)).toBe(
      `The probe is still there, and costs money. Remove it:\naz resource delete --ids ${probeIds.identity}`,
    );
    const check = report.checks.find(({ id }) => id === "probe/left-behind");
    expect(check).toMatchObject({ result: "finding", found: probeIds.identity });
    expect(check?.fix).toContain(`az resource delete --ids ${probeIds.identity}`);
    expect(exitCodeOf(report)).toBe(1);
  });

  it("to be allowed anything leaves nothing that must be removed", async () => {
    probe.instead.set("PUT address", refused(403, "AuthorizationFailed"));
    probe.instead.set("DELETE address", refused(403, "AuthorizationFailed"));
    await failedWith("AuthorizationFailed");
    expect(notes.join("\n")).not.toMatch(/Not removed|costs money/);
  });

  it("removes nothing that another verification has taken over", async () => {
    const tags = { "restricted-calls-probe": "another-run" };
    probe.instead.set("GET log", () => {
      for (const part of parts) {
        const body = probe.there.get(part);
        if (part !== "subnet") probe.there.set(part, { ...body, tags });
      }
      return undefined;
    });
    await lookInside();
    expect(probe.changes).toEqual(created);
    expect(notes.filter((line) => line.includes("belongs to another verification"))).toHaveLength(parts.length);
    expect(notes.join("\n")).not.toContain("az resource delete");
  });

  it("removes the rest where another verification has taken over one", async () => {
    probe.instead.set("GET log", () => {
      probe.there.set("identity", {
        ...probe.there.get("identity"),
        tags: { "restricted-calls-probe": "another-run" },
      });
      return undefined;
    });
    await lookInside();
    expect([...probe.there.keys()]).toEqual(["identity"]);
  });

  it("of the removal that passes is waited for: a lingering link, a busy network, a broken connection", async () => {
    probe.lingering = 3;
    const fail = (answers: { status: number; body: unknown }[]) => () => answers.shift();
    probe.instead.set(
      "DELETE container",
      fail([refused(409, "AnotherOperationInProgress"), { status: 503, body: "" }]),
    );
    probe.instead.set("DELETE gateway", fail([{ status: BROKEN, body: "" }]));
    probe.instead.set("PUT subnet", fail([refused(429, "RetryableError"), { status: BROKEN, body: "" }]));
    expect(withResult(await lookInside(), "not-checked")).toEqual([]);
    expect(probe.changes).toEqual([...created, ...removed]);
  });

  it("to send the token elsewhere: a link to another origin is not followed", async () => {
    const elsewhere = { "azure-asyncoperation": "https://attacker.example/operations/1" };
    probe.instead.set("PUT gateway", { status: 201, body: {}, headers: elsewhere });
    await failedWith("a link to another origin");
  });
});

it("a result that is missing leaves the check of the results open", async () => {
  probe.log = (run, calls) => goodLog(run, calls).replace(new RegExp(`^${run} 3 .*\n`, "m"), "");
  const { checks } = await lookInside({}, null);
  const check = checks.find(({ id }) => id === "probe/results");
  expect(check).toMatchObject({ result: "not-checked" });
  expect(check?.note).toMatch(/^Only (\d+) of (?!\1)\d+ requests have a result\./);
});

describe("an interrupt", () => {
  it.each([...parts.map((part) => `Creating ${TITLE[part]}`), "Waiting for the calls"])(
    "removes everything: %s",
    async (at) => {
      const stop = new AbortController();
      const note = (line: string): void => {
        notes.push(line);
        if (line.startsWith(at)) stop.abort(new Error("stopped"));
      };
      await expect(lookInside({ signal: stop.signal, note })).rejects.toThrow("stopped");
      expect(notes.some((line) => line.startsWith(at))).toBe(true);
      expect(notes.join()).not.toContain("failed");
      expect([...probe.there.keys()]).toEqual([]);
    },
  );

  it("while it asks creates nothing", async () => {
    const stop = new AbortController();
    const confirm = (): Promise<boolean> => {
      stop.abort(new Error("stopped"));
      return Promise.resolve(true);
    };
    await expect(lookInside({ signal: stop.signal, confirm })).rejects.toThrow("stopped");
    expect(probe.changes).toEqual([]);
  });
});

describe("what the log says", () => {
  /** Another line in place of one call's. */
  const resultOf = async (cell: string, replace: (run: string, line: string) => string) => {
    let number = "";
    probe.log = (run, calls) => {
      const wanted = cell.endsWith("probe-identity")
        ? calls.find((call) => call.startsWith("identity "))
        : calls.find((call) => / GET \S+\/api\/records\/\S+ bare /.test(call));
      number = wanted?.split(" ")[1] ?? "?";
      return goodLog(run, calls)
        .split("\n")
        .map((line) => (line.startsWith(`${run} ${number} `) ? replace(run, line) : line))
        .join("\n");
    };
    const report = await lookInside();
    const others = [...withResult(report, "not-checked"), ...withResult(report, "different")];
    expect(
      others.filter((id) => (cell.endsWith("/probe-identity") ? !id.endsWith("/probe-identity") : id !== cell)),
    ).toEqual([]);
    return report.cells.find(({ id }) => id === cell);
  };
  const call = "both/get-record/otherSubnet/no-token";
  const token = "both/get-record/otherSubnet/probe-identity";
  const inPlace = (text: string) => (run: string, line: string) => `${run} ${line.split(" ")[1] ?? ""} ${text}`;

  it.each([
    ["the application answers", "401 ", { refusedBy: "application", status: 401, code: null }],
    ["the call gets through", "200 ", { refusedBy: "nobody", status: 200, code: null }],
    [
      "the application refuses with the network's status",
      "403 ",
      { refusedBy: "application", status: 403, code: null },
    ],
  ])("differs where %s", async (_what, text, actual) => {
    expect(await resultOf(call, inPlace(text))).toMatchObject({ result: "different", actual });
  });

  it.each([
    ["there is no line", () => "", "does not say how this call ended"],
    ["there was no response", inPlace("failed 28"), "exit code 28 of curl"],
    [
      "two lines contradict each other",
      (run: string, line: string) => `${line}\n${inPlace("200 ")(run, line)}`,
      "does not say",
    ],
    ["the line is of another run", (run: string, line: string) => line.replace(run, "other"), "does not say"],
    ["the line has more than it should", (_run: string, line: string) => `${line} and more`, "does not say"],
    ["the status is none", inPlace("999 at-fd00::1"), "does not say"],
    ["the refused address is public", inPlace("403 at-203.0.113.9"), "did not carry the probe's subnet"],
    ["the refused address is a public IPv6 one", inPlace("403 at-2001:db8::1"), "did not carry the probe's subnet"],
    ["the refused address is of another subnet", inPlace("403 at-10.0.0.4"), "did not carry the probe's subnet"],
    [
      "the refused address is the IPv6 form of another subnet",
      inPlace("403 at-fd00:0:1200:1:2:3:a00:4"),
      "did not carry the probe's subnet",
    ],
    [
      "the refused address is public, with the subnet in its last bits",
      inPlace("403 at-2001:db8::a00:fff4"),
      "did not carry the probe's subnet",
    ],
    ["the refused address ends with zeros", inPlace("403 at-fd00:0:1200::"), "did not carry the probe's subnet"],
    ["the refused address is none", inPlace("403 at-"), "did not carry the probe's subnet"],
    ["it is about a token", inPlace("token"), "something about a token"],
  ])("is not checked where %s", async (_what, replace, note) => {
    const cell = await resultOf(call, replace);
    expect(cell).toMatchObject({ result: "not-checked", actual: null });
    expect(cell?.note).toContain(note);
  });

  it.each(["10.0.255.244", "fd00::a00:fff4", "FD00::10.0.255.244"])(
    "is a refusal of the subnet: %s",
    async (address) => {
      expect(await resultOf(call, inPlace(`403 at-${address}`))).toMatchObject({ result: "as-expected" });
    },
  );

  it("counts once where a line is there twice", async () => {
    expect(await resultOf(call, (_run, line) => `${line}\n${line}`)).toMatchObject({ result: "as-expected" });
  });

  it("differs where Entra ID issues a token to an identity without a role", async () => {
    const cell = await resultOf(token, inPlace("token"));
    expect(cell).toMatchObject({ result: "different", note: "Entra ID issued a token to an identity without a role." });
  });

  it.each(["AADSTS700016", "failed 0", "403 at-fd00::1"])("says nothing about assignments: %s", async (text) => {
    expect(await resultOf(token, inPlace(text))).toMatchObject({ result: "not-checked", actual: null });
  });
});

describe("a probe that was left behind", () => {
  it.each(parts)("is a finding of every proof: %s", async (part) => {
    probe.there.set(part, {});
    const report = await look(azure, { only: "probe" });
    expect(report.checks).toMatchObject([{ id: "probe/left-behind", result: "finding", found: probeIds[part] }]);
    expect(report.checks[0]?.fix).toContain(`az resource delete --ids ${probeIds[part]}`);
  });

  it("is removed in an order that Azure accepts", async () => {
    for (const part of parts) probe.there.set(part, {});
    const [check] = (await look(azure, { only: "probe" })).checks;
    const [, ...lines] = (check?.fix ?? "").split("\n");
    expect(lines).toEqual(parts.toReversed().map((part) => `az resource delete --ids ${probeIds[part]}`));
  });

  it("cannot be there where its provider is not registered", async () => {
    probe.instead.set("GET container", refused(409, "MissingSubscriptionRegistration"));
    expect((await look(azure, { only: "probe" })).checks).toMatchObject([{ result: "as-expected" }]);
  });

  it("is not checked where Azure answers 409 with another code", async () => {
    probe.instead.set("GET container", refused(409, "AnotherOperationInProgress"));
    expect((await look(azure, { only: "probe" })).checks).toMatchObject([{ result: "not-checked" }]);
  });

  it("is not checked where one cannot be read, and says which permission is missing", async () => {
    probe.instead.set("GET subnet", refused(403, "AuthorizationFailed"));
    const [check] = (await look(azure, { only: "probe" })).checks;
    expect(check).toMatchObject({ result: "not-checked" });
    expect(check?.note).toContain("Microsoft.Network/virtualNetworks/subnets/read");
  });
});

function waiting(): object {
  const instanceView = { currentState: { state: "Waiting" } };
  return {
    properties: {
      provisioningState: "Succeeded",
      instanceView: { state: "Pending" },
      containers: [{ name: "probe", properties: { instanceView } }],
    },
  };
}
