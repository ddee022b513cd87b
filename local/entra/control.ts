/** The control address of the local Entra, for tests and the proof: makes any token, rotates keys, makes endpoints fail. */
import type { Context, Handler, Hono } from "hono";
import * as v from "valibot";
import type { Tenant } from "./access-token.ts";
import { forgeToken, signatures } from "./forge-token.ts";
import { endpoints, type Environment, faultModes, type Faults, limitBody, onlyMethod, problem } from "./http.ts";

/** Adds the routes of the control address. Wrong input gets a 400 that says what is allowed. */
export function addControlRoutes(app: Hono<Environment>, tenant: Tenant, faults: Faults): void {
  const { identities, apis, firstCall } = tenant.directory;
  const tokenRequest = fields({
    as: oneOf(
      byName(identities, ({ name }) => name),
      firstCall.caller,
    ),
    api: oneOf(
      byName(apis, ({ service }) => service),
      firstCall.callee,
    ),
    header: v.optional(jsonObject, {}),
    claims: v.optional(jsonObject, {}),
    texts: v.optional(fields({ header: v.exactOptional(v.string()), payload: v.exactOptional(v.string()) }), {}),
    sign: oneOf(byName(signatures, String), "current"),
  });
  const faultRequest = fields({ endpoint: oneOf(byName(endpoints, String)), mode: oneOf(byName(faultModes, String)) });
  const route = (method: "GET" | "POST", path: string, handler: Handler<Environment>): void => {
    app.on(method, `/control/${path}`, limitBody, handler).all(onlyMethod(method));
  };

  route("POST", "tokens", async (c) => {
    const { as: identity, api, sign: signature, ...parts } = await parsed(c, tokenRequest);
    return c.json({ access_token: await forgeToken(tenant, { identity, api, signature, ...parts }) });
  });
  route("POST", "keys/rotate", async (c) => c.json({ kid: (await tenant.keys.rotate()).kid }));
  route("POST", "faults", async (c) => {
    const { endpoint, mode } = await parsed(c, faultRequest);
    faults.set(endpoint, mode);
    return c.body(null, 204);
  });
  route("GET", "requests", (c) => c.json(faults.requests));
}

/** The input is wrong; the message says what is allowed. */
class InputError extends Error {}

/** The response to wrong input; undefined for any other error. */
export function wrongInputResponse(error: Error, c: Context): Response | undefined {
  return error instanceof InputError ? problem(c, 400, "Bad Request", error.message) : undefined;
}

/** The request's body. An empty one counts as `{}`. */
async function parsed<const Schema extends v.GenericSchema>(
  c: Context,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const result = v.safeParse(schema, parsedJson((await c.req.text()) || "{}"));
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new InputError([v.getDotPath(issue), issue.message].filter((part) => part !== null).join(": "));
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError("The body is not JSON.");
  }
}

const jsonObject = v.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "expected a JSON object",
);

function fields<const Entries extends v.ObjectEntries>(entries: Entries) {
  const message = `expected a JSON object with no other fields than ${Object.keys(entries).join(", ")}`;
  return v.pipe(jsonObject, v.strictObject(entries, message));
}

/** What has one of these names. */
function oneOf<Item>(items: ReadonlyMap<string, Item>, otherwise = "") {
  const names = [...items.keys()];
  const name = v.picklist(names, `expected one of: ${names.join(", ")}`);
  return v.optional(
    v.pipe(
      name,
      v.transform((known) => items.get(known) as Item),
    ),
    otherwise,
  );
}

function byName<Item>(items: readonly Item[], name: (item: Item) => string): ReadonlyMap<string, Item> {
  return new Map(items.map((item) => [name(item), item]));
}
