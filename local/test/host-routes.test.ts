import { describe, expect, it } from "vitest";
import { createRouter, decodePath } from "../host/http/routes.ts";

/** The function and parameters for a path, among routes named by their template. */
function match(path: string, ...templates: readonly string[]): unknown {
  const targets = templates.map((template) => ({ name: template, template, methods: undefined }));
  const found = createRouter(targets)("GET", path);
  return found && [found.name, found.params];
}

describe("routes", () => {
  it("prefers the longer route, and a literal to a parameter", () => {
    expect(match("/a/1", "a/{x}", "a/{x}/{*y}")).toEqual(["a/{x}/{*y}", { x: "1" }]);
    expect(match("/a/1", "a/{x}", "a/1", "a/{*x}")).toEqual(["a/1", {}]);
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
    ["a/{id:int}", /the segment "\{id:int\}" is not supported by the embedded host: use --host func$/],
    ["a/{x}.{y}", /segment "\{x\}\.\{y\}" is not supported/],
    ["a/{x=5}", /segment "\{x=5\}" is not supported/],
    ["a/{x?}", /segment "\{x\?\}" is not supported/],
    ["a/{*x}/b", /a catch-all must be the last segment/],
    ["a/{x", /segment "\{x" is not supported/],
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
