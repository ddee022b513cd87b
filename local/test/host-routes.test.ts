import { describe, expect, it } from "vitest";
import { createRouter, decodePath } from "../host/http/routes.ts";

/** The function and parameters for a path, among routes named by their template. */
function match(path: string, ...templates: readonly string[]): unknown {
  const targets = templates.map((template) => ({ name: template, template, methods: undefined }));
  const found = createRouter(targets)("GET", path);
  return found && [found.name, found.params];
}

describe("routes", () => {
  it.each([
    ["{id:int}", "12", "1x"],
    ["{id:int}", "-5", "12345678901"],
    ["{id:guid}", "0f8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5b"],
    ["{id:alpha}", "Abc", "a1"],
    ["{id:bool}", "TRUE", "yes"],
    ["{id:long}", "9007199254740993", "1.5"],
  ])("%s takes %s and not %s", (segment, good, bad) => {
    expect(match(`/api/${good}`, `api/${segment}`)).toEqual([`api/${segment}`, { id: good }]);
    expect(match(`/api/${bad}`, `api/${segment}`)).toBeUndefined();
  });

  it("prefers the longer route, and more constraints", () => {
    expect(match("/a/1", "a/{x}", "a/{x}/{y?}")).toEqual(["a/{x}/{y?}", { x: "1" }]);
    expect(match("/a/1", "a/{x}", "a/{x:int}", "a/{*x}")).toEqual(["a/{x:int}", { x: "1" }]);
  });

  it("gives a catch-all the empty rest too, without a parameter", () => {
    expect(match("/files", "files/{*rest}")).toEqual(["files/{*rest}", {}]);
  });

  it("tries the next route when the method does not fit", () => {
    const route = createRouter([
      { name: "put", template: "a/b", methods: ["PUT"] },
      { name: "get", template: "a/{x}", methods: ["GET"] },
    ]);
    expect(route("GET", "/a/b")?.name).toBe("get");
    expect(route("PUT", "/a/b")?.name).toBe("put");
    expect(route("POST", "/a/b")).toBeUndefined();
  });

  it("does not take an empty segment for a parameter", () => {
    expect(match("/a//b", "a/{x}/b")).toBeUndefined();
  });

  it.each([
    ["a/{id:range(1,2)}", /constraint "range\(1,2\)", which this host does not know: it knows int/],
    ["a/{x}.{y}", /segment "\{x\}\.\{y\}", which this host does not know/],
    ["a/{x=5}", /segment "\{x=5\}"/],
    ["a/{*x}/b", /catch-all that is not its last segment/],
    ["a/{x?}/b", /optional parameter that is not its last segment/],
    ["a/{x", /segment "\{x"/],
  ])("refuses the template %s", (template, message) => {
    expect(() => match("/", template)).toThrow(message);
    expect(() => match("/", template)).toThrow(`function '${template}'`);
  });
});

describe("a request's path", () => {
  it.each([
    ["/a%20b", "/a b"],
    ["/a%2Fb%2fc", "/a%2Fb%2fc"],
    ["/%C3%A9%2F%C3%A9", "/é%2Fé"],
    ["/%ff%zz%", "/%ff%zz%"],
    ["/%252F", "/%2F"],
  ])("%s is decoded to %s", (path, decoded) => {
    expect(decodePath(path)).toBe(decoded);
  });
});
