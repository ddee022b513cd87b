import fc from "fast-check";
import { expect, test } from "vitest";
import { requirePath } from "../service-client/request-path.ts";

const ORIGIN = "https://callee.example";
const PREFIX = "/api/things/";

/** What paths are made of, and what has led out of one somewhere: encoded once, twice and more, in both letters' cases. */
const pieces = fc.constantFrom(
  ...["/", "\\", ".", "..", "a", ":", "@", "?", "#", ";", "\t", "\n", " ", "%", "//", "evil.example", "https:"],
  ...[
    "%2e",
    "%2E",
    "%2f",
    "%2F",
    "%5c",
    "%40",
    "%00",
    "%09",
    "%25",
    "%252e",
    "%252f",
    "%255c",
    "%25252e",
    "%2525",
    "2e",
    "2f",
  ],
);

/** As readers on the way may do it, who decode a path once, twice or more, whether it is well-formed or not. */
function decode(path: string): string {
  return path.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

test("whatever is put into a path, it is refused or stays below the path before it, however often it is decoded", () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(pieces, { minLength: 1, maxLength: 8 }), (parts) => {
      const path = PREFIX + parts.join("");
      try {
        requirePath(path, ORIGIN);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
        return;
      }
      accepted++;
      let read = path.split("?")[0] ?? "";
      for (let decodings = 0; decodings < 6; decodings++) {
        const { origin, pathname } = new URL(read, ORIGIN);
        expect({ origin, isBelow: pathname.startsWith(PREFIX) }).toEqual({ origin: ORIGIN, isBelow: true });
        // A question mark or hash that was encoded is part of a segment.
        read = decode(read).replaceAll(/[?#]/g, "-");
      }
    }),
    { numRuns: 20_000 },
  );
  expect(accepted).toBeGreaterThan(100);
});

test("unreserved segments are accepted as the URL parser accepts them, and a dot segment among them is not", () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9_.~-]{1,6}$/);
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
      const path = `/${segments.join("/")}`;
      const isDots = segments.some((one) => one === "." || one === "..");
      const check = (): void => {
        requirePath(path, ORIGIN);
      };
      if (isDots) expect(check).toThrow(TypeError);
      else expect(check).not.toThrow();
      expect(new URL(path, ORIGIN).pathname === path).toBe(!isDots);
    }),
    { numRuns: 5_000 },
  );
});
