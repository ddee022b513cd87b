/** What npm start prints once the system runs. */
import { join, relative } from "node:path";
import { styleText } from "node:util";
import { contracts, curlOf, typicalOperation } from "../../tools/contracts.ts";
import type { Endpoints } from "../system/endpoints.ts";
import { inspectPorts } from "../system/ports.ts";

/** The addresses of the system, and commands to try. */
export function whatToTry(
  endpoints: Endpoints,
  folder: string,
  how: { readonly withApps: boolean; readonly inspectPort: number | undefined; readonly isWatching: boolean },
): string {
  const { caller, callee, entra, api, identities } = endpoints;
  const heading = (text: string): string => styleText("bold", text);
  const resource = encodeURIComponent(api.identifierUri);
  const clientId = identities["caller-func"]?.clientId ?? "";
  const settings = relative(process.cwd(), join(folder, "<app>.settings.json"));
  const host = endpoints.host === "func" ? "Azure Functions Core Tools" : "the embedded host";
  const count = Object.keys(endpoints.apps).length;
  const state = how.withApps
    ? `${count === 2 ? "Both" : `All ${count}`} apps are running under ${host}.`
    : `Everything but the apps is running. Start them by npm run start:caller and npm run start:callee; their settings: ${settings}`;
  const further = Object.entries(endpoints.apps)
    .filter(([app]) => app !== "caller-func" && app !== "callee-func")
    .map(([app, address]) => `  ${app.padEnd(33)} ${address}`);
  const ports = how.inspectPort === undefined ? undefined : Object.entries(inspectPorts(how.inspectPort));
  const more = [
    ...(ports?.map(([app, port]) => `  debugger of ${app}           127.0.0.1:${port}`) ?? []),
    ...(how.isWatching ? ["\nAn app is built and restarted when one of its sources is saved."] : []),
  ];
  const commands = Object.entries(contracts).flatMap(
    ([service, contract]) => contract.commands?.(endpoints.apps[service] ?? "") ?? [],
  );
  const operation = typicalOperation("callee-func");
  const sample = operation.sample("try");
  const curl = (origin: string, ...headers: string[]): string => curlOf(origin, operation, sample, headers);
  const withToken = '"Authorization: Bearer $TOKEN"';
  const text = `
${heading(state)}

  caller-func                       ${caller}
  callee-func, from caller's subnet ${callee.callerSubnet}
  callee-func, from another subnet  ${callee.otherSubnet}
  callee-func, from the internet    ${callee.internet}${further.map((line) => `\n${line}`).join("")}
  local Entra                       ${entra.authority}/${entra.tenantId}${more.map((line) => `\n${line}`).join("")}

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
