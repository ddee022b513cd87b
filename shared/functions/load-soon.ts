// Loads packages soon after the start instead of at the start.

/** Milliseconds from the start of the app: by then the app has registered its functions. */
const SOON_MS = 500;

/**
 * Loads packages soon after the start, or when the returned function is first called, whichever comes first. It is meant
 * for `app.hook.preInvocation`, so that everything is loaded before a call begins: during a call, loading takes longer.
 *
 * The files in `on-demand/` name the packages that an app can start without. Each becomes a file of its own in the bundle,
 * which `import()` loads here or at its first use. Options for such a package are still validated at the start.
 */
export function loadSoon(...imports: readonly (() => Promise<unknown>)[]): () => Promise<void> {
  let loading: Promise<unknown> | undefined;
  const load = async (): Promise<void> => {
    // A failure shows at the first use.
    await (loading ??= Promise.allSettled(imports.map((load) => load())));
  };
  setTimeout(() => void load(), SOON_MS).unref();
  return load;
}
