import { parseAddressRange } from "../address-ranges.ts";

/** What azd's environment says, by name. Empty counts as missing. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A range with a shorter prefix is larger than any one owner's. */
const SHORTEST_PREFIX = { ipv4: 8, ipv6: 16 };

const PLAN_SKUS = ["EP1", "EP2", "EP3", "P0v3", "P1v3", "P2v3", "P3v3"];

/**
 * Looks through the values that main.bicepparam reads, before anything is deployed: the compiler and Azure would find
 * the same mistakes, later and less clearly.
 *
 * @returns each mistake with the command that mends it; empty when all is well
 */
export function mistakes(environment: Environment): string[] {
  const value = (name: string): string | undefined => (environment[name] === "" ? undefined : environment[name]);
  const set = (name: string, example: string): string => `azd env set ${name} ${example}`;

  const ranges = (name: string): string[] =>
    (value(name)?.split(",") ?? []).flatMap((text) => {
      const range = parseAddressRange(text);
      if (range === undefined)
        return `${name} has '${text}', which is no address range. Separate ranges by commas alone: ${set(name, "203.0.113.7/32,198.51.100.0/28")}`;
      if (range.prefix < SHORTEST_PREFIX[range.family])
        return `${name} has ${text}, which lets everybody in. Name addresses: ${set(name, "203.0.113.7/32")}`;
      return [];
    });

  const oneOf = (name: string, allowed: readonly string[]): string[] => {
    const found = value(name);
    if (found === undefined || allowed.includes(found)) return [];
    return [`${name} is ${found}. It is one of ${allowed.join(", ")}: ${set(name, allowed[0] ?? "")}`];
  };

  const number = (name: string, least: number, most: number): string[] => {
    const found = value(name);
    if (found === undefined || (/^\d+$/.test(found) && Number(found) >= least && Number(found) <= most)) return [];
    return [`${name} is ${found}. It is a number from ${least} to ${most}: ${set(name, String(least))}`];
  };

  const clientIds = (name: string): string[] => {
    const found = value(name);
    if (found === undefined || isClientIds(found)) return [];
    return [`${name} is not JSON of client ids by service. Expected: {"callee-func":"<client id>"}`];
  };

  const missing = ["AZURE_ENV_NAME", "AZURE_LOCATION"]
    .filter((name) => value(name) === undefined)
    .map((name) => `${name} is missing. azd sets it: run azd up or azd provision.`);
  const noDeployer =
    value("DEPLOYER_ADDRESS_RANGES") === undefined
      ? [
          "DEPLOYER_ADDRESS_RANGES is missing: the public addresses that you deploy from, the only ones that reach the " +
            `SCM sites. Yours, with /32 behind it: ${set("DEPLOYER_ADDRESS_RANGES", "203.0.113.7/32")}`,
        ]
      : [];
  return [
    ...missing,
    ...noDeployer,
    ...ranges("DEPLOYER_ADDRESS_RANGES"),
    ...ranges("INGRESS_ADDRESS_RANGES"),
    ...oneOf("PLAN_SKU", PLAN_SKUS),
    ...number("MINIMUM_INSTANCES", 1, value("PLAN_SKU")?.startsWith("P") ? 30 : 20),
    ...number("MAXIMUM_INSTANCES", 1, 100),
    ...oneOf("ZONE_REDUNDANT", ["true", "false"]),
    ...number("SUBNET_PREFIX_LENGTH", 24, 28),
    ...oneOf("CALLER_CREDENTIAL", ["managed-identity", "federated-identity"]),
    ...oneOf("APP_SERVICE_AUTHENTICATION", ["true", "false"]),
    ...number("LOG_RETENTION_DAYS", 30, 730),
    ...clientIds("API_CLIENT_IDS"),
    ...clientIds("CALLER_CLIENT_IDS"),
  ];
}

function isClientIds(text: string): boolean {
  try {
    const ids: unknown = JSON.parse(text);
    return (
      typeof ids === "object" && ids !== null && Object.values(ids).every((id) => /^[0-9a-f-]{36}$/i.test(String(id)))
    );
  } catch {
    return false;
  }
}
