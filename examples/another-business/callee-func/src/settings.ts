// This service's settings.
import { guardSettings } from "@restricted-calls/shared/functions";
import { identifier } from "@restricted-calls/shared/identifier";
import { guid, readSettings, tableEndpoint } from "@restricted-calls/shared/settings";
import * as v from "valibot";

/** This service's settings, read and checked once, when the app starts. */
export const settings = readSettings(
  "callee-func",
  {
    ...guardSettings,
    AZURE_CLIENT_ID: guid,
    READINGS_TABLE_ENDPOINT: tableEndpoint,
    METERS: v.pipe(
      v.string(),
      v.transform((text) => text.split(",")),
      v.array(identifier),
      v.description("the meters, separated by commas: house,barn"),
    ),
  },
  process.env,
);
