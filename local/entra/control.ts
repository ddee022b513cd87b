import { endpoints, faultModes, type Faults } from "./faults.ts";
import { forgeToken, signatures } from "./forge-token.ts";
import type { Answer, Request } from "./http.ts";
import type { Tenant } from "./issue-token.ts";
import { problem, type Route } from "./serve.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * What tests and the proof drive the local Entra with: mint any token, rotate the keys, make endpoints fail, count their
 * requests. Wrong input is a 400 that says what is allowed.
 */
export function controlRoutes(tenant: Tenant, faults: Faults): ReadonlyMap<string, Route> {
  const routes: Record<string, Route> = {
    "/control/tokens": post(async (body) => {
      const { as, api, header, claims, texts, sign } = fields(body, ["as", "api", "header", "claims", "texts", "sign"]);
      const { identities, apis } = tenant.directory;
      const token = await forgeToken(tenant, {
        identity: chosen(
          "as",
          as,
          byName(identities, ({ name }) => name),
          "caller-func",
        ),
        api: chosen(
          "api",
          api,
          byName(apis, ({ service }) => service),
          apis[0]?.service,
        ),
        header: fields(header ?? {}),
        claims: fields(claims ?? {}),
        texts: onlyTexts(fields(texts ?? {}, ["header", "payload"])),
        signature: chosen("sign", sign, byName(signatures, String), "current"),
      });
      return { status: 200, json: { access_token: token } };
    }),
    "/control/keys/rotate": post(async () => ({ status: 200, json: { kid: (await tenant.keys.rotate()).kid } })),
    "/control/faults": post((body) => {
      const { endpoint, mode } = fields(body, ["endpoint", "mode"]);
      faults.set(
        chosen("endpoint", endpoint, byName(endpoints, String)),
        chosen("mode", mode, byName(faultModes, String)),
      );
      return { status: 204 };
    }),
    "/control/requests": { method: "GET", answer: () => ({ status: 200, json: faults.requests }) },
  };
  return new Map(Object.entries(routes));
}

class WrongInput extends Error {}

function post(answer: (body: unknown) => Answer | Promise<Answer>): Route {
  return {
    method: "POST",
    answer: async ({ body }: Request) => {
      try {
        return await answer(parsed(body));
      } catch (error) {
        if (error instanceof WrongInput) return problem(400, "Bad Request", error.message);
        throw error;
      }
    },
  };
}

function parsed(body: string): unknown {
  try {
    return body === "" ? {} : JSON.parse(body);
  } catch {
    throw new WrongInput("The body is not JSON.");
  }
}

function fields(value: unknown, allowed?: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WrongInput("A JSON object was expected.");
  }
  const unknown = Object.keys(value).find((name) => allowed && !allowed.includes(name));
  if (unknown === undefined) return value as Fields;
  throw new WrongInput(`There is no "${unknown}" here: use ${(allowed ?? []).join(", ")}.`);
}

function onlyTexts(values: Fields): Readonly<Record<string, string>> {
  if (Object.values(values).every((value) => typeof value === "string")) return values as Record<string, string>;
  throw new WrongInput("header and payload in texts are texts, which are signed as they stand.");
}

function byName<Item>(items: readonly Item[], name: (item: Item) => string): ReadonlyMap<unknown, Item> {
  return new Map(items.map((item) => [name(item), item]));
}

function chosen<Item>(field: string, value: unknown, allowed: ReadonlyMap<unknown, Item>, otherwise?: string): Item {
  const item = allowed.get(value ?? otherwise);
  if (item !== undefined) return item;
  throw new WrongInput(`"${field}" must be one of: ${[...allowed.keys()].join(", ")}.`);
}
