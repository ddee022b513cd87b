/**
 * A software bill of materials (SBOM) in CycloneDX 1.6: the packages of a bundle.
 *
 * @see https://cyclonedx.org/docs/1.6/json/
 */

/** A package as package-lock.json describes it. https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json#packages */
export interface LockedPackage {
  /** Present only if it differs from the folder's name. */
  readonly name?: string;
  readonly version?: string;
  /** Subresource Integrity of the package file. */
  readonly integrity?: string;
  /** An SPDX identifier or expression. */
  readonly license?: string;
}

/** The names in CycloneDX of the hash algorithms of Subresource Integrity. */
const ALGORITHMS: Readonly<Record<string, string>> = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };

/**
 * The bill of materials of one bundle. It has neither a serial number nor a time, so the same sources and lock file give the
 * same text on every machine.
 *
 * Does not list the code that a package has bundled, nor this repository's own code.
 *
 * @param app the name of the bundle
 * @param entryPoint the file name of its entry point, which contains the digest of the bundle
 * @param sources the bundle's source files, with `/` between folders
 * @param locked the packages of package-lock.json by their folders
 * @returns JSON
 * @throws Error if the lock file lacks the package of a source
 */
export function billOfMaterials(
  app: string,
  entryPoint: string,
  sources: readonly string[],
  locked: Readonly<Record<string, LockedPackage>>,
): string {
  // From node_modules on, because that folder may be a link to another place.
  const folders = new Set(
    sources.flatMap((source) => /node_modules\/(?:.*node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(source) ?? []),
  );
  const components = new Map(
    [...folders].map((folder) => {
      const found = locked[folder];
      if (found === undefined)
        throw new Error(`${folder} is in the bundle of ${app}, but not in package-lock.json: npm ci`);
      const component = componentOf(folder, found);
      return [component.purl, component];
    }),
  );
  const bom = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": app,
        name: app,
        properties: [{ name: "entryPoint", value: entryPoint }],
      },
    },
    components: [...components.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1)),
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}

function componentOf(folder: string, { name, version = "", integrity = "", license }: LockedPackage) {
  const fullName = name ?? folder.replace(/.*node_modules\//, "");
  // https://github.com/package-url/purl-spec/blob/main/types-doc/npm-definition.md
  const purl = `pkg:npm/${fullName.replace("@", "%40")}@${version}`;
  const hashes = integrity.split(" ").flatMap((text) => {
    const [, algorithm = "", digest = ""] = /^([a-z0-9]+)-([^?]+)/.exec(text) ?? [];
    const alg = ALGORITHMS[algorithm];
    return alg === undefined ? [] : [{ alg, content: Buffer.from(digest, "base64").toString("hex") }];
  });
  return {
    type: "library",
    "bom-ref": purl,
    name: fullName,
    version,
    purl,
    ...(license === undefined ? {} : { licenses: [licenceOf(license)] }),
    ...(hashes.length > 0 ? { hashes } : {}),
  };
}

/** An SPDX identifier has no spaces, an expression has. */
function licenceOf(license: string) {
  return license.includes(" ") ? { expression: license } : { license: { id: license } };
}
