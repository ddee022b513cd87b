import { join } from "node:path";
import { TableClient } from "@azure/data-tables";
import { readLocalSettings } from "../host/local-settings.ts";
import type { Endpoints } from "../system/endpoints.ts";
import { trust } from "./test-storage.ts";

/** The table of an app of a local system, past the app: reached as the app's identity. Changes what this process trusts. */
export async function tableOf(
  system: { readonly endpoints: Endpoints; readonly folder: string },
  app: "caller-func" | "callee-func",
): Promise<TableClient> {
  await trust(system.endpoints.entra.caFile);
  const token = await managedIdentityToken(system.endpoints, app, "https://storage.azure.com");
  const getToken = () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3600_000 });

  const settings = readLocalSettings(join(system.folder, `${app}.settings.json`)).Values;
  const [setting, name] = tables[app];
  const table = new TableClient(settings[setting] ?? "", name, { getToken });
  await table.createTable();
  return table;
}

/** A token of an identity, as App Service gives it: kept for a day, whatever happens at Entra meanwhile. */
export async function managedIdentityToken(
  { entra, identities }: Endpoints,
  identity: string,
  resource: string,
): Promise<string> {
  const client_id = identities[identity]?.clientId ?? "";
  const query = new URLSearchParams({ "api-version": "2019-08-01", resource, client_id });
  const headers = { "X-IDENTITY-HEADER": entra.identityHeader };
  const answer = await fetch(`${entra.managedIdentityEndpoint}?${query.toString()}`, { headers });
  return ((await answer.json()) as { access_token: string }).access_token;
}

const tables = {
  "caller-func": ["ORDERS_TABLE_ENDPOINT", "orders"],
  "callee-func": ["INVENTORY_TABLE_ENDPOINT", "inventory"],
} as const;
