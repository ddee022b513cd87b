import { styleText } from "node:util";
import { mintToken } from "../entra/client.ts";
import { reasonOf } from "../../tools/command-line.ts";
import { granted, notGranted, type Show, showBusiness } from "./business.ts";
import type { LocalSystem } from "../system/system.ts";

/**
 * Shows the main job on a running system: the business that crosses the restricted call, and calls that are refused, each by the
 * layer that refused it.
 *
 * @param print gets each line for the person who watches
 * @returns the lines of those outcomes that were not the expected ones
 */
export async function showOnce(system: LocalSystem, print: (line: string) => void): Promise<readonly string[]> {
  const failures: string[] = [];
  const show: Show = async (title, expected, happens) => {
    const actual = await happens().catch((error: unknown) => `failed: ${reasonOf(error)}`);
    const isExpected = actual === expected;
    const mark = isExpected ? styleText("green", "ok  ") : styleText("red", "FAIL");
    const line = `  ${mark} ${title.padEnd(58)} ${actual}${isExpected ? "" : `   (expected: ${expected})`}`;
    if (!isExpected) failures.push(line);
    print(line);
  };
  print("Calls");
  await showBusiness(system, show);
  print("\nRefusals");
  await showRefusals(system, show);
  return failures;
}

async function showRefusals(system: LocalSystem, show: Show): Promise<void> {
  const { callee, api, entra, identities } = system.endpoints;
  const { callerSubnet, otherSubnet, internet } = callee;
  const read = async (door: string, token?: string): Promise<string> =>
    calleeAnswer(await fetch(`${door}${granted.path}`, token === undefined ? {} : { headers: bearer(token) }));
  const mint = (request: object): Promise<string> => mintToken(entra.control, request);
  const good = await mint({});

  await show("the granted caller, for comparison", "200", () => read(callerSubnet, good));
  await show("no token", "401 by the application layer: no-credentials", () => read(callerSubnet));
  await show("garbage for a token", "401 by the application layer: malformed-token", () =>
    read(callerSubnet, "garbage"),
  );
  await show("a token for another audience", "401 by the application layer: wrong-audience", async () =>
    read(callerSubnet, await mint({ claims: { aud: entra.tenantId } })),
  );
  await show("an expired token", "401 by the application layer: token-expired", async () =>
    read(callerSubnet, await mint({ claims: { exp: Math.floor(Date.now() / 1000) - 3600 } })),
  );
  await show("a role that is not granted", "403 by the application layer: role-missing", async () =>
    calleeAnswer(
      await fetch(`${callerSubnet}${notGranted.path}`, {
        method: notGranted.method,
        // Whatever the access policy grants to the caller, this identity holds the first role only.
        headers: bearer(await mint({ as: "reader-only" })),
        body: JSON.stringify(notGranted.body),
      }),
    ),
  );
  await show("a caller that is not on the list", "403 by the application layer: caller-not-allowed", async () =>
    read(callerSubnet, await mint({ as: "unlisted" })),
  );
  await show("an unassigned client asks for a token", "refused by Entra: AADSTS501051", async () => {
    const parameters = new URLSearchParams({
      "api-version": "2019-08-01",
      resource: api.identifierUri,
      client_id: identities["no-role"]?.clientId ?? "",
    });
    const response = await fetch(`${entra.managedIdentityEndpoint}?${parameters.toString()}`, {
      headers: { "X-IDENTITY-HEADER": entra.identityHeader },
    });
    return response.ok ? "a token" : `refused by Entra: ${/AADSTS\d+/.exec(await response.text())?.[0] ?? "no code"}`;
  });
  await show("a good token, from another subnet", "403 by the network layer", () => read(otherSubnet, good));
  await show("a good token, from the internet", "403 by the network layer", () => read(internet, good));
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** Who answered: the front end names the address that it refused, the app gives a problem document. */
async function calleeAnswer(response: Response): Promise<string> {
  if (response.headers.has("x-ms-forbidden-ip")) return `${response.status} by the network layer`;
  if (response.ok) return String(response.status);
  const { code } = (await response.json()) as { code?: string };
  return `${response.status} by the application layer: ${code ?? "no code"}`;
}
