/** What npm start prints once the system runs. */
import { join, relative } from "node:path";
import { styleText } from "node:util";
import { firstCall } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { contracts, curlOf, typicalOperation } from "../../tools/contracts.ts";
import { startCommand } from "../../tools/service-names.ts";
import type { Endpoints } from "../system/endpoints.ts";
import { inspectPorts } from "../system/ports.ts";

/** The addresses of the system, and commands to try. */
export function whatToTry(
  endpoints: Endpoints,
  folder: string,
  how: { readonly withApps: boolean; readonly inspectPort: number | undefined; readonly isWatching: boolean },
): string {
  const { caller, callee, entra, api, identities } = endpoints;
  const first = firstCall(accessPolicy) ?? { caller: "", callee: "" };
  const heading = (text: string): string => styleText("bold", text);
  const resource = encodeURIComponent(api.identifierUri);
  const clientId = identities[first.caller]?.clientId ?? "";
  const settings = relative(process.cwd(), join(folder, "<app>.settings.json"));
  const host = endpoints.host === "func" ? "Azure Functions Core Tools" : "the embedded host";
  const count = Object.keys(endpoints.apps).length;
  const state = how.withApps
    ? `${count === 2 ? "Both" : `All ${count}`} apps are running under ${host}.`
    : `Everything but the apps is running. Start them by ${Object.keys(endpoints.apps).map(startCommand).join(" and ")}; their settings: ${settings}`;
  const ports = how.inspectPort === undefined ? undefined : Object.entries(inspectPorts(how.inspectPort));
  const addresses: readonly (readonly [string, string])[] = [
    [first.caller, caller],
    [`${first.callee}, from caller's subnet`, callee.callerSubnet],
    [`${first.callee}, from another subnet`, callee.otherSubnet],
    [`${first.callee}, from the internet`, callee.internet],
    ...Object.entries(endpoints.apps).filter(([app]) => app !== first.caller && app !== first.callee),
    ["local Entra", `${entra.authority}/${entra.tenantId}`],
    ...(ports?.map(([app, port]) => [`debugger of ${app}`, `127.0.0.1:${port}`] as const) ?? []),
  ];
  const width = Math.max(...addresses.map(([name]) => name.length));
  const watching = how.isWatching ? "\n\nAn app is built and restarted when one of its sources is saved." : "";
  const commands = Object.entries(contracts).flatMap(
    ([service, contract]) => contract.commands?.(endpoints.apps[service] ?? "") ?? [],
  );
  const operation = typicalOperation(first.callee);
  const sample = operation.sample("try");
  const curl = (origin: string, ...headers: string[]): string => curlOf(origin, operation, sample, headers);
  const withToken = '"Authorization: Bearer $TOKEN"';
  const text = `
${heading(state)}

${addresses.map(([name, address]) => `  ${name.padEnd(width)} ${address}`).join("\n")}${watching}

${heading("Try:")}

${commands.map(({ title, command }) => `  # ${title}\n  ${command}\n\n`).join("")}  # The caller's token, as its managed identity gets it
  TOKEN=$(curl -s '${entra.managedIdentityEndpoint}?api-version=2019-08-01&resource=${resource}&client_id=${clientId}' \\
    -H 'X-IDENTITY-HEADER: ${entra.identityHeader}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')

  # With it, from the caller's subnet: ${sample.status}. Without it: 401. With it, from the internet: 403, by the network
  ${curl(callee.callerSubnet, withToken)}
  ${curl(callee.callerSubnet)}
  ${curl(callee.internet, withToken)}

Ctrl-C stops everything.
`;
  return hasProxy() ? text.replaceAll(/\bcurl /g, "curl --noproxy '*' ") : text;
}

/**
 * Whether `curl` may send a call to this machine through a proxy. The shell's own NO_PROXY is not known here, because the
 * launcher has replaced it.
 *
 * @see https://everything.curl.dev/usingcurl/proxies/env
 */
function hasProxy(): boolean {
  return ["http_proxy", "all_proxy", "ALL_PROXY"].some((name) => (process.env[name] ?? "") !== "");
}
