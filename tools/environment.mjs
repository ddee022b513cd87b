// @ts-check
/**
 * The environment of every process that this repository starts: only the listed variables of the developer's shell. No other
 * variable reaches an app or a tool.
 *
 * JavaScript without packages, because the launcher (tools/run.mjs) uses it before the installation.
 */

/** Variables that any process needs: the paths of programs, home and temporary files, language and time zone. */
const ANY =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TEMP|TMP|LANG|LANGUAGE|LC_\w+|TZ|XDG_\w+|SystemRoot|SystemDrive|windir|ComSpec|PATHEXT|USERNAME|USERPROFILE|HOMEDRIVE|HOMEPATH|APPDATA|LOCALAPPDATA|ALLUSERSPROFILE|ProgramData|(Common)?Program(Files|W6432)(\(x86\))?|NUMBER_OF_PROCESSORS|PROCESSOR_ARCHITECTURE|OS)$/i;

/** Variables that a certain kind of process needs besides. */
const FURTHER = {
  /** Prints to a terminal or the log of a pipeline. */
  terminal: /^(TERM|TERM_PROGRAM|COLORTERM|WT_SESSION|NO_COLOR|FORCE_COLOR|CI|GITHUB_ACTIONS|TF_BUILD)$/i,
  /** Calls the internet: proxies and certificate authorities. */
  internet:
    /^((HTTP|HTTPS|ALL|NO)_PROXY|NODE_USE_ENV_PROXY|NODE_USE_SYSTEM_CA|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$/i,
  dotnet: /^(DOTNET|NUGET)_\w+$/i,
  /** Is `az`, for commands that need no sign-in. */
  az: /^AZURE_CONFIG_DIR$/i,
  /**
   * Signs in to Azure by `azd`, `az` or the SDK, or reads the values of an azd environment: the parameters of
   * infra/main.bicepparam and the outputs of infra/main.bicep.
   *
   * For GitHub's and Azure Pipelines' tokens: https://learn.microsoft.com/azure/developer/azure-developer-cli/reference#azd-auth-login
   */
  azure:
    /^((AZURE|AZD|ARM)_\w+|ACTIONS_ID_TOKEN_REQUEST_(TOKEN|URL)|SYSTEM_(ACCESSTOKEN|OIDCREQUESTURI)|AZURESUBSCRIPTION_\w+|GITHUB_RUN_ID|(IDENTITY|MSI|IMDS)_(ENDPOINT|HEADER|SECRET)|SERVICES|RESTRICTED_\w+)$/i,
  /** Is a command of this repository: the variables that its tools and tests read. */
  command:
    /^(PREBUILT|REQUIRE_BROWSER|CHECK_EXAMPLES|CHROMIUM_PATH|ACCEPT_BUNDLE_SIZES|COLD_START_ROUNDS|INFRA_BICEP)$/i,
};

/** Whether this folder is the artifact of a job that has installed and built. Then neither happens here. */
export const isPrebuilt = process.env["PREBUILT"] === "1";

/** Calls to these addresses use no proxy. Some tools write IPv6 addresses with brackets, others without. */
const LOOPBACK = ["127.0.0.1", "localhost", "::1", "[::1]"];

/**
 * The environment for a process.
 *
 * NO_PROXY and no_proxy have the addresses of this machine, because some tools read only one of the two. They are always
 * set, because an app's settings may name a proxy.
 *
 * @param {...keyof typeof FURTHER} kinds the kinds of the process
 * @returns {Record<string, string>}
 */
export function environmentFor(...kinds) {
  const lists = [ANY, ...kinds.map((kind) => FURTHER[kind])];
  /** @type {Record<string, string>} */
  const environment = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && lists.some((list) => list.test(name))) environment[name] = value;
  }
  const exceptions = [environment["no_proxy"], environment["NO_PROXY"]].flatMap((list) => list?.split(/[\s,]+/) ?? []);
  const noProxy = [...new Set([...LOOPBACK, ...exceptions])].filter((host) => host !== "").join(",");
  return { ...environment, NO_PROXY: noProxy, no_proxy: noProxy };
}
