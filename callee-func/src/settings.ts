// This service's settings.
import { guardSettings } from "@restricted-calls/shared/functions";
import { guid, readSettings, tableEndpoint } from "@restricted-calls/shared/settings";
import * as v from "valibot";
import { initialStock } from "./inventory/units.ts";

/** This service's settings, read and checked once, when the app starts. */
export const settings = readSettings(
  "callee-func",
  {
    ...guardSettings,
    AZURE_CLIENT_ID: guid,
    INVENTORY_TABLE_ENDPOINT: tableEndpoint,
    INITIAL_STOCK: v.optional(initialStock, "{}"),
  },
  process.env,
);
