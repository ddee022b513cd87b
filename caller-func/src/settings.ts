// This service's settings.
import { isNcrontab } from "@restricted-calls/shared/ncrontab";
import { serviceSettings } from "@restricted-calls/shared/service-client";
import { guid, readSettings, tableEndpoint } from "@restricted-calls/shared/settings";
import * as v from "valibot";

/** This service's settings, read and checked once, when the app starts. */
export const settings = readSettings(
  "caller-func",
  {
    // Storage is reached with the managed identity, whoever calls the callee; without this, with the system-assigned one.
    AZURE_CLIENT_ID: v.optional(guid),
    ...serviceSettings("CALLEE"),
    ORDERS_TABLE_ENDPOINT: tableEndpoint,
    // The host reads this one; without it the app would run and deliver nothing.
    DELIVERY_SCHEDULE: v.pipe(
      v.string(),
      v.check(isNcrontab),
      v.description("an NCRONTAB expression: six fields, seconds first"),
    ),
    RETENTION_DAYS: v.pipe(
      v.optional(v.string(), "30"),
      v.regex(/^[1-9]\d{0,3}$/),
      v.transform(Number),
      v.description("for how many days finished orders are kept: 1 to 9999"),
    ),
  },
  process.env,
);
