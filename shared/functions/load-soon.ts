/** From the start of the app, in milliseconds: by then the host has been told of the functions. */
const SOON_MS = 500;

/**
 * Loads what the first call needs soon after the start, or when the returned function is first called, whichever comes
 * first: meant for `app.hook.preInvocation`, so that a call has everything before it begins. In the midst of a call,
 * beside its requests to others, loading takes longer.
 *
 * The files beside this one say what an app can start without: each names what is used of a package that takes longer to
 * load than the rest of the app, and stands in the bundle as a file of its own, which `import()` loads, here or where it
 * is needed. What such a package is given is still checked at the start.
 */
export function loadSoon(...imports: readonly (() => Promise<unknown>)[]): () => Promise<void> {
  let loading: Promise<unknown> | undefined;
  const load = async (): Promise<void> => {
    // What fails says so where it is needed.
    await (loading ??= Promise.allSettled(imports.map((load) => load())));
  };
  setTimeout(() => void load(), SOON_MS).unref();
  return load;
}
