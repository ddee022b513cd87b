/**
 * `@peculiar/x509` registers its parts with tsyringe, which will not load without the functions of the `reflect-metadata`
 * proposal. None of those parts takes constructor parameters, so there is no metadata to keep: answering "none" is enough.
 */
if (!("getMetadata" in Reflect)) {
  Object.assign(Reflect, { getMetadata: () => undefined, getOwnMetadata: () => undefined });
}

export {};
