// This service's settings.
import { clientAuthentications } from "@restricted-calls/shared/authorization";
import { guid, guids, origin, readSettings, tableEndpoint } from "@restricted-calls/shared/settings";
import * as v from "valibot";
import { initialStock } from "./inventory/units.ts";

/** This service's settings, read and checked once, when the app starts. */
export const settings = readSettings(
  "callee-func",
  {
    AZURE_TENANT_ID: guid,
    AZURE_CLIENT_ID: guid,
    AZURE_AUTHORITY_HOST: v.optional(origin, "https://login.microsoftonline.com"),
    API_CLIENT_ID: guid,
    API_IDENTIFIER_URI: v.pipe(v.string(), v.startsWith("api://"), v.description("an App ID URI, api://...")),
    ALLOWED_CALLERS: guids,
    DENIED_CALLERS: v.optional(guids),
    MINIMUM_CLIENT_AUTHENTICATION: v.optional(
      v.pipe(v.picklist(clientAuthentications), v.description("public, secret or certificate")),
      "secret",
    ),
    INVENTORY_TABLE_ENDPOINT: tableEndpoint,
    INITIAL_STOCK: v.optional(initialStock, "{}"),
  },
  process.env,
);
