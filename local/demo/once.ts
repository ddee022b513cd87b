/** npm start -- --once: shows allowed and refused calls on a running system. */
import { styleText } from "node:util";
import { managedIdentityToken, mintToken } from "../entra/client.ts";
import { reasonOf } from "../../tools/command-line.ts";
import { granted, notGranted, type Show, showBusiness } from "./business.ts";
import type { LocalSystem } from "../system/system.ts";

/**
 * Shows the business that uses the restricted call, and refused calls, each with the layer that refused it.
 *
 * @param print gets each line
 * @returns the lines of unexpected outcomes
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
  const { callee, api, entra } = system.endpoints;
  const { callerSubnet, otherSubnet, internet } = callee;
  const read = async (origin: string, token?: string): Promise<string> =>
    outcomeOf(await fetch(`${origin}${granted.path}`, token === undefined ? {} : { headers: bearer(token) }));
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
    outcomeOf(
      await fetch(`${callerSubnet}${notGranted.path}`, {
        method: notGranted.method,
        // This identity has only the first role, whatever the access policy grants to the caller.
        headers: bearer(await mint({ as: "reader-only" })),
        body: JSON.stringify(notGranted.body),
      }),
    ),
  );
  await show("a caller that is not on the list", "403 by the application layer: caller-not-allowed", async () =>
    read(callerSubnet, await mint({ as: "unlisted" })),
  );
  await show("an unassigned client asks for a token", "refused by Entra: AADSTS501051", async () => {
    const refusal = await managedIdentityToken(system.endpoints, "no-role", api.identifierUri).then(
      () => undefined,
      (error: unknown) => /AADSTS\d+/.exec(String(error))?.[0] ?? "no code",
    );
    return refusal === undefined ? "a token" : `refused by Entra: ${refusal}`;
  });
  await show("a good token, from another subnet", "403 by the network layer", () => read(otherSubnet, good));
  await show("a good token, from the internet", "403 by the network layer", () => read(internet, good));
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** The layer that refused a call: the front end sets a header, the app returns a problem document. */
async function outcomeOf(response: Response): Promise<string> {
  if (response.headers.has("x-ms-forbidden-ip")) return `${response.status} by the network layer`;
  if (response.ok) return String(response.status);
  const { code } = (await response.json()) as { code?: string };
  return `${response.status} by the application layer: ${code ?? "no code"}`;
}
