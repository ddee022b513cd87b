import { guid, origin, readSettings, tableEndpoint } from "shared/settings";
import * as v from "valibot";

/** This service's settings, read and checked once, when the app starts. */
export const settings = readSettings(
  {
    AZURE_CLIENT_ID: guid,
    CALLEE_URL: origin,
    CALLEE_SCOPE: v.pipe(
      v.string(),
      v.endsWith("/.default"),
      v.description("the callee's App ID URI followed by /.default"),
    ),
    ORDERS_TABLE_ENDPOINT: tableEndpoint,
    // The host reads this one; without it the app would run and deliver nothing.
    DELIVERY_SCHEDULE: v.pipe(v.string(), v.description("a six-field NCRONTAB expression")),
  },
  process.env,
);
