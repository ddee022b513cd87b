import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BICEP_VERSION, OLDER_BICEP_VERSION, restoreFromNuGet } from "../bicep.ts";

describe("the compiler's package", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bicep-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** As `dotnet restore` leaves it. */
  function restored(version: string): string {
    const path = join(folder, "packages", "azure.bicep.commandline.linux-x64", version);
    mkdirSync(join(path, "tools"), { recursive: true });
    writeFileSync(join(path, "tools", "bicep"), "a compiler");
    return path;
  }

  it.each([BICEP_VERSION, OLDER_BICEP_VERSION])("%s is refused if it is not the pinned package", (version) => {
    const path = restored(version);
    writeFileSync(join(path, `azure.bicep.commandline.linux-x64.${version}.nupkg`), "another package");
    // The SHA-512 of that text: `printf 'another package' | openssl dgst -sha512 -binary | base64`.
    const found = "e1quXhD7tnbgNcvFxhpeFslDIdYyCfCtcsMXYOH7OLzMTu28Mv2XylVXPEt6VJDda95J3EcD5NQw5QVoq5w9Mg==";
    expect(() => restoreFromNuGet(version, "linux-x64", folder)).toThrow(
      `is not the pinned package: its SHA-512 is ${found}, expected `,
    );
    expect(() => restoreFromNuGet(version, "linux-x64", folder)).toThrow(`Delete ${path} and run this again.`);
  });

  it("is refused if its package file is missing", () => {
    restored(BICEP_VERSION);
    expect(() => restoreFromNuGet(BICEP_VERSION, "linux-x64", folder)).toThrow("its SHA-512 is missing");
  });

  it("is taken for no platform and in no version that has no pinned hash", () => {
    expect(restoreFromNuGet(BICEP_VERSION, "linux-riscv64", folder)).toBe("");
    restored("0.1.0");
    expect(restoreFromNuGet("0.1.0", "linux-x64", folder)).toBe("");
  });
});
