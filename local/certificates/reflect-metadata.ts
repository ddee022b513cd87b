/**
 * `@peculiar/x509` registers its parts with tsyringe, which does not load without the functions of the `reflect-metadata`
 * proposal. The parts take no constructor parameters, so these functions may find no metadata.
 */
if (!("getMetadata" in Reflect)) {
  Object.assign(Reflect, { getMetadata: () => undefined, getOwnMetadata: () => undefined });
}

export {};
