import "../../tools/testing/example-system.ts";
import { describe, expect, it } from "vitest";
import { type Answer, type Ask, examine } from "../hooks/landing-zone.ts";
import { type Environment, mistakes } from "../hooks/environment.ts";

const faults = async (environment: Environment, ask: Ask): Promise<readonly string[]> =>
  (await examine(environment, ask)).faults;

const owners = "/subscriptions/00000000-0000-0000-0000-000000000005/resourceGroups";
const network = `${owners}/rg-network/providers/Microsoft.Network/virtualNetworks/vnet`;
/** The subnet of the example's external caller batch-jobs. */
const external =
  "/subscriptions/00000000-0000-0000-0000-000000000006/resourceGroups/rg-cluster/providers/Microsoft.Network/virtualNetworks/vnet-cluster/subnets/snet-nodes";
const workspace = `${owners}/rg-logs/providers/Microsoft.OperationalInsights/workspaces/log`;
const subnetOf = (service: string): string => `${network}/subnets/snet-${service}`;
const environment = {
  AZURE_ENV_NAME: "dev",
  AZURE_LOCATION: "westeurope",
  AZURE_SUBSCRIPTION_ID: "00000000-0000-0000-0000-000000000001",
  RESTRICTED_DEPLOYER_ADDRESS_RANGES: "203.0.113.7/32",
  RESTRICTED_EXISTING_SUBNETS: JSON.stringify({
    "caller-func": subnetOf("caller-func"),
    "callee-func": subnetOf("callee-func"),
  }),
  RESTRICTED_EXISTING_WORKSPACE: workspace,
};

const group = `/subscriptions/${environment.AZURE_SUBSCRIPTION_ID}/resourceGroups/rg-${environment.AZURE_ENV_NAME}`;
const plan = `${group}/providers/Microsoft.Web/serverfarms/plan-caller-func-abc`;
const good = {
  addressPrefix: "10.1.2.0/26",
  delegations: [{ properties: { serviceName: "Microsoft.Web/serverFarms" } }],
  serviceEndpoints: [{ service: "Microsoft.Storage" }, { service: "Microsoft.Web" }, { service: "Microsoft.Sql" }],
  serviceAssociationLinks: [] as object[],
};

/** Stands in for Resource Manager. Everything is as it must be, except what is given by path. */
function azure(others: Readonly<Record<string, Partial<Answer>>> = {}): Ask & { readonly asked: string[] } {
  const asked: string[] = [];
  const ask = (path: string, body?: object): Promise<Answer> => {
    const [resource = ""] = path.split("?");
    asked.push(`${body === undefined ? "GET" : "POST"} ${resource}`);
    const usual = resource.includes("/subnets/")
      ? { properties: good }
      : resource.endsWith("checkPolicyRestrictions")
        ? { contentEvaluationResult: { policyEvaluations: [] }, fieldRestrictions: [] }
        : { location: "westeurope" };
    return Promise.resolve({ status: 200, body: usual, ...others[resource] });
  };
  return Object.assign(ask, { asked });
}

const caller = subnetOf("caller-func");
const withCaller = (properties: object): ReturnType<typeof azure> =>
  azure({ [caller]: { body: { properties: { ...good, ...properties } } } });

describe("a network and a workspace that exist", () => {
  it("are read, each once, and not changed", async () => {
    const ask = azure();
    expect(await faults(environment, ask)).toEqual([]);
    const policies = `POST ${group}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions`;
    expect(ask.asked.sort()).toEqual(
      [caller, subnetOf("callee-func"), network, workspace, external]
        .map((id) => `GET ${id}`)
        .concat(policies)
        .sort(),
    );
  });

  it("may be in use by the service's own plan, after the first deployment", async () => {
    expect(
      await faults(environment, withCaller({ serviceAssociationLinks: [{ properties: { link: plan } }] })),
    ).toEqual([]);
  });

  it.each([
    [
      "without a delegation",
      { delegations: [] },
      `not delegated to Microsoft.Web/serverFarms: its owner runs az network vnet subnet update --ids ${caller} --delegations`,
    ],
    [
      "delegated to something else",
      { delegations: [{ properties: { serviceName: "Microsoft.Sql/managedInstances" } }] },
      "not delegated to Microsoft.Web/serverFarms",
    ],
    [
      "without a service endpoint",
      { serviceEndpoints: [{ service: "Microsoft.Sql" }, { service: "Microsoft.Web" }] },
      `lacks the service endpoint Microsoft.Storage: its owner runs az network vnet subnet update --ids ${caller} --service-endpoints Microsoft.Sql Microsoft.Web Microsoft.Storage`,
    ],
    [
      "without a service endpoint for storage in this region or all",
      { serviceEndpoints: [{ service: "Microsoft.Storage.Global" }] },
      `lacks the service endpoint Microsoft.Web: its owner runs az network vnet subnet update --ids ${caller} --service-endpoints Microsoft.Storage.Global Microsoft.Web`,
    ],
    ["without any service endpoint", { serviceEndpoints: undefined }, "Microsoft.Web and Microsoft.Storage"],
    [
      "with a plan of an environment of this name in another subscription",
      { serviceAssociationLinks: [{ properties: { link: plan.replace(environment.AZURE_SUBSCRIPTION_ID, "other") } }] },
      "whose apps would be taken for caller-func",
    ],
    [
      "that is too small, beside an IPv6 range",
      { addressPrefix: undefined, addressPrefixes: ["fd00:1::/64", "10.1.2.0/27"] },
      "the subnet 10.1.2.0/27 has 32 addresses",
    ],
    ["that is too small", { addressPrefix: "10.1.2.0/27" }, "has 32 addresses, but 20 instances need 45"],
    ["whose size is not known", { addressPrefix: undefined }, "has 1 addresses"],
    ["with service endpoint policies", { serviceEndpointPolicies: [{}] }, "do not support"],
    [
      "that another plan uses",
      { serviceAssociationLinks: [{ properties: { link: plan.replace("plan-caller-func", "plan-billing") } }] },
      `in use by ${group}/providers/Microsoft.Web/serverfarms/plan-billing-abc`,
    ],
    [
      "that a plan of another environment uses",
      { serviceAssociationLinks: [{ properties: { link: plan.replace("rg-dev", "rg-dev2") } }] },
      "whose apps would be taken for caller-func",
    ],
    ["that something unknown uses", { serviceAssociationLinks: [{ properties: {} }] }, "in use by an unknown resource"],
  ])("refuses a subnet %s, in one line", async (_what, properties, message) => {
    expect(await faults(environment, withCaller(properties))).toEqual([expect.stringContaining(message)]);
    const [line] = await faults(environment, withCaller(properties));
    expect(line).toMatch(/^RESTRICTED_EXISTING_SUBNETS, caller-func: /);
  });

  it("may have the service endpoint for the storage accounts of all regions", async () => {
    const serviceEndpoints = [{ service: "Microsoft.Web" }, { service: "Microsoft.Storage.Global" }];
    expect(await faults(environment, withCaller({ serviceEndpoints }))).toEqual([]);
  });

  it.each([
    ["EP1", "20 instances need 45: bring a larger one, or lower RESTRICTED_MAXIMUM_INSTANCES"],
    ["P1v3", "15 instances need 35: bring a larger one, or lower RESTRICTED_MINIMUM_INSTANCES"],
  ])("that is too small is told with the value to lower, on %s", async (RESTRICTED_PLAN_SKU, message) => {
    const values = { ...environment, RESTRICTED_PLAN_SKU, RESTRICTED_MINIMUM_INSTANCES: "15" };
    expect(await faults(values, withCaller({ addressPrefix: "10.1.2.0/27" }))).toEqual([
      expect.stringContaining(message),
    ]);
  });

  it.each([
    [404, "there is no"],
    [403, "you may not read"],
    [500, "Resource Manager returned 500"],
  ])("refuses what Resource Manager answers with %d", async (status, message) => {
    for (const id of [caller, workspace]) {
      expect(await faults(environment, azure({ [id]: { status } }))).toEqual([expect.stringContaining(message)]);
    }
  });

  it("refuses a network of another region, and asks for no permission to read the network", async () => {
    const elsewhere = azure({ [network]: { body: { location: "North Europe" } } });
    expect(await faults(environment, elsewhere)).toEqual(
      ["caller-func", "callee-func"].map(
        (service) =>
          `RESTRICTED_EXISTING_SUBNETS, ${service}: its network is in North Europe, but AZURE_LOCATION is westeurope: both must be in one region`,
      ),
    );
    expect(await faults({ ...environment, AZURE_LOCATION: "North Europe" }, elsewhere)).toEqual([]);
  });

  it.each<[string, Environment, Partial<Answer>]>([
    ["Resource Manager returned 403", environment, { status: 403, body: undefined }],
    ["AZURE_LOCATION is not set yet", { ...environment, AZURE_LOCATION: undefined }, {}],
  ])("are told once of a region that is not checked: %s", async (why, values, answer) => {
    expect(await examine(values, azure({ [network]: answer }))).toEqual({
      faults: [],
      notChecked: [`the region of ${network}: ${why}`],
    });
  });

  it.each([
    ["no JSON", /must be a JSON object of resource ids by service/],
    ['{"caller-func":"snet"}', /must be a JSON object of resource ids by service/],
    [JSON.stringify({ "caller-func": network }), /must be a JSON object of resource ids by service/],
    [JSON.stringify({ "other-func": caller }), /names other-func, which is no service/],
    [
      JSON.stringify({ "caller-func": caller, "callee-func": caller.toUpperCase() }),
      /gives callee-func the subnet of another/,
    ],
    [JSON.stringify({ "caller-func": external.toUpperCase() }), /gives a service the subnet \S+ of an external caller/],
  ])("refuses RESTRICTED_EXISTING_SUBNETS=%s before it asks", (value, message) => {
    expect(mistakes({ ...environment, RESTRICTED_EXISTING_SUBNETS: value })).toEqual([expect.stringMatching(message)]);
  });

  it("needs a workspace's resource id", () => {
    expect(mistakes(environment)).toEqual([]);
    expect(mistakes({ ...environment, RESTRICTED_EXISTING_WORKSPACE: "log" })).toEqual([
      expect.stringMatching(/^RESTRICTED_EXISTING_WORKSPACE must be a resource id/),
    ]);
  });
});

describe("the subnet of an external caller", () => {
  const { AZURE_ENV_NAME, RESTRICTED_DEPLOYER_ADDRESS_RANGES } = environment;
  const found = (answer: Partial<Answer>): Promise<readonly string[]> =>
    faults({ AZURE_ENV_NAME }, azure({ [external]: answer }));
  const withEndpoints = (...services: readonly string[]): Partial<Answer> => ({
    body: { properties: { serviceEndpoints: services.map((service) => ({ service })) } },
  });

  it("needs the service endpoint of sites, and nothing else that a service's own subnet needs", async () => {
    expect(await found(withEndpoints("Microsoft.Web"))).toEqual([]);
    expect(await found(withEndpoints("Microsoft.Sql"))).toEqual([
      `shared/access-policy.json, externalCallers.batch-jobs: the subnet lacks the service endpoint Microsoft.Web: its owner runs az network vnet subnet update --ids ${external} --service-endpoints Microsoft.Sql Microsoft.Web`,
    ]);
    expect(await found({ body: { properties: {} } })).toEqual([expect.stringContaining("Microsoft.Web")]);
  });

  it.each([
    [404, "there is no"],
    [403, "you may not read"],
    [500, "Resource Manager returned 500"],
  ])("is a fault where Resource Manager answers with %d", async (status, message) => {
    expect(await found({ status })).toEqual([
      expect.stringMatching(new RegExp(`^shared/access-policy\\.json, externalCallers\\.batch-jobs: ${message}`)),
    ]);
  });

  it("is none of this environment, whose deployments replace its subnets", () => {
    expect(mistakes({ AZURE_ENV_NAME: "dev", RESTRICTED_DEPLOYER_ADDRESS_RANGES })).toEqual([]);
    expect(mistakes({ AZURE_ENV_NAME: "Cluster", RESTRICTED_DEPLOYER_ADDRESS_RANGES })).toEqual([
      expect.stringMatching(/^The external caller batch-jobs of the access policy has a subnet of this environment/),
    ]);
    const [, subscription = ""] = /subscriptions\/([^/]+)/.exec(external) ?? [];
    const here = { AZURE_ENV_NAME: "Cluster", AZURE_SUBSCRIPTION_ID: subscription, RESTRICTED_DEPLOYER_ADDRESS_RANGES };
    expect(mistakes(here)).toHaveLength(1);
    expect(mistakes({ ...here, AZURE_SUBSCRIPTION_ID: environment.AZURE_SUBSCRIPTION_ID })).toEqual([]);
  });
});

describe("a policy", () => {
  const { AZURE_ENV_NAME, AZURE_SUBSCRIPTION_ID } = environment;
  const values = { AZURE_ENV_NAME, AZURE_SUBSCRIPTION_ID };
  const check = "/providers/Microsoft.PolicyInsights/checkPolicyRestrictions";
  interface Policy {
    readonly policyAssignmentId: string;
    readonly policyDefinitionReferenceId?: string;
  }
  const deny = { policyAssignmentId: "/assignments/deny-public" };
  const baseline = (policyDefinitionReferenceId: string): Policy => ({
    policyAssignmentId: "/assignments/baseline",
    policyDefinitionReferenceId,
  });
  /** Answers as policies that are violated by a site with public network access, and without it. */
  const policies =
    (enabled: readonly Policy[], disabled: readonly Policy[] = [], scope = group): Ask =>
    (asked, body) => {
      if (asked.startsWith(external)) return Promise.resolve({ status: 200, body: { properties: good } });
      if (asked.split("?")[0] !== `${scope}${check}`) return Promise.resolve({ status: 404, body: undefined });
      const violated = JSON.stringify(body).includes('"publicNetworkAccess":"Enabled"') ? enabled : disabled;
      const policyEvaluations = violated.map((policyInfo) => ({ policyInfo, evaluationResult: "NonCompliant" }));
      return Promise.resolve({ status: 200, body: { contentEvaluationResult: { policyEvaluations } } });
    };

  it.each([
    ["resource group", group],
    ["subscription, while there is no resource group", group.split("/resourceGroups")[0]],
  ])(
    "that denies public network access on sites is named, with what to do, at the scope of the %s",
    async (_, scope) => {
      expect(await faults(values, policies([deny], [], scope))).toEqual([
        expect.stringMatching(
          /\/assignments\/deny-public denies public network access.*exemption.*deploy-decisions\.md/,
        ),
      ]);
    },
  );

  it("that denies something else is left to the deployment, which has all values", async () => {
    const tags = { policyAssignmentId: "/assignments/tags" };
    expect(await faults(values, policies([tags], [tags]))).toEqual([]);
  });

  it("of an initiative is told apart from the others in it, and named once", async () => {
    const ask = policies([baseline("tags"), baseline("sites"), baseline("sites")], [baseline("tags")]);
    expect(await faults(values, ask)).toEqual([
      expect.stringMatching(/^The policy sites of \/assignments\/baseline denies/),
    ]);
  });

  const unreadable =
    (answer: () => Promise<Answer>): Ask =>
    (asked) =>
      asked.includes(check) ? answer() : azure()(asked);

  it.each<[string, Environment, Ask]>([
    ["Resource Manager returned 403", values, unreadable(() => Promise.resolve({ status: 403, body: undefined }))],
    ["no network", values, unreadable(() => Promise.reject(new Error("no network")))],
    ["AZURE_SUBSCRIPTION_ID is not set yet", { AZURE_ENV_NAME }, policies([deny])],
  ])("that cannot be read does not stop the deployment, and that is told: %s", async (why, given, ask) => {
    expect(await examine(given, ask)).toEqual({
      faults: [],
      notChecked: [`policies that deny public network access: ${why}`],
    });
  });
});
