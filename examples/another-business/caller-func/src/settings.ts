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
    OUTBOX_TABLE_ENDPOINT: tableEndpoint,
    // The host reads this one; without it the app would run and deliver nothing.
    DELIVERY_SCHEDULE: v.pipe(
      v.string(),
      v.check(isNcrontab),
      v.description("an NCRONTAB expression: six fields, seconds first"),
    ),
  },
  process.env,
);
