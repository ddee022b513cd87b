import { identifier } from "@restricted-calls/shared/functions";
import * as v from "valibot";

/** Whole units; within the Int32 that Table storage keeps. */
export const MAX_UNITS = 1_000_000_000;

/** The units of one SKU. */
export const onHand = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_UNITS));

/** Units by SKU, as a setting: what the API does not take in a request is not taken here either. */
export const initialStock = v.pipe(
  v.string(),
  v.parseJson(),
  v.custom<Readonly<Record<string, number>>>(isStock),
  v.description(`units by SKU as JSON, such as {"widget": 100}: SKUs as in routes, of each 0 to ${MAX_UNITS} units`),
);

/** By hand, because `v.record` drops members named "constructor" or "prototype" in silence, and they are SKUs like any other. */
function isStock(stock: unknown): boolean {
  if (typeof stock !== "object" || stock === null || Array.isArray(stock)) return false;
  return Object.entries(stock).every(([sku, units]) => v.is(identifier, sku) && v.is(onHand, units));
}
