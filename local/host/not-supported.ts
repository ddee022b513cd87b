/** Ends each message with which the embedded host refuses a feature that only the real host has. */
export const NOT_SUPPORTED = "is not supported by the embedded host: use --host func";
