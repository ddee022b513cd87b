// The schemas of units: in requests and in the setting INITIAL_STOCK.
import { identifier } from "@restricted-calls/shared/identifier";
import * as v from "valibot";

/** Whole units; within the Int32 that Table storage keeps. */
export const MAX_UNITS = 1_000_000_000;

/** The units of one SKU. */
export const onHand = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_UNITS));

/** Units by SKU, as a setting, with the limits of the API. */
export const initialStock = v.pipe(
  v.string(),
  v.parseJson(),
  v.custom<Readonly<Record<string, number>>>(isStock),
  v.description(`units by SKU as JSON, such as {"widget": 100}: SKUs as in routes, of each 0 to ${MAX_UNITS} units`),
);

/** Not by `v.record`, which drops members named "constructor" or "prototype" without an error: they are valid SKUs. */
function isStock(stock: unknown): boolean {
  if (typeof stock !== "object" || stock === null || Array.isArray(stock)) return false;
  return Object.entries(stock).every(([sku, units]) => v.is(identifier, sku) && v.is(onHand, units));
}
