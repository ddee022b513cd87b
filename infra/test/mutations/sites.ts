import { expectedOf } from "../expected.ts";
import { site, config, setting, resource, remove, CALLER, CALLEE, there, type Mutation } from "./change.ts";

const [owner, ownSetting] = there(
  Object.entries(expectedOf("default").serviceOptions)
    .map(([service, options]) => [service, Object.keys(options?.settings ?? {})[0]] as const)
    .find((found): found is [string, string] => found[1] !== undefined),
);

export const siteMutations: readonly Mutation[] = [
  {
    breaks: "every service runs as a user-assigned identity of its own",
    by: "a system-assigned identity",
    change: site((_properties, found) => {
      there(found.identity).type = "SystemAssigned";
    }),
  },
  {
    breaks: "every service runs as a user-assigned identity of its own",
    by: "the caller's identity as well",
    change: site((_properties, found) => {
      const own = there(found.identity?.userAssignedIdentities);
      const [id] = Object.keys(own);
      own[there(id).replace(CALLEE, CALLER)] = {};
    }),
  },
  {
    breaks: "the apps run on Node 24, on version 4 of the Functions host, from their package",
    by: "an older Node",
    change: config((siteConfig) => {
      siteConfig.linuxFxVersion = "NODE|20";
    }),
  },
  {
    breaks: "sites answer over HTTPS only",
    by: "plain HTTP",
    change: site((properties) => {
      properties.httpsOnly = false;
    }),
  },
  {
    breaks: "sites take TLS 1.2 at least",
    by: "TLS 1.0 on the SCM site",
    change: config((siteConfig) => {
      siteConfig.scmMinTlsVersion = "1.0";
    }),
  },
  {
    breaks: "FTP is off",
    by: "FTPS",
    change: config((siteConfig) => {
      siteConfig.ftpsState = "FtpsOnly";
    }),
  },
  {
    breaks: "nobody deploys with a password",
    by: "basic credentials for the SCM site",
    change: resource("Microsoft.Web/sites/basicPublishingCredentialsPolicies", "/scm", (properties) => {
      properties.allow = true;
    }),
  },
  {
    breaks: "nobody deploys with a password",
    by: "nothing said about FTP",
    change: remove("Microsoft.Web/sites/basicPublishingCredentialsPolicies", "/ftp"),
  },
  {
    breaks: "nobody gets a shell in an app's container",
    by: "nothing said about SSH",
    change: site((properties) => {
      delete properties.sshEnabled;
    }),
  },
  {
    breaks: "nobody administers the Functions host by HTTP, not with its master key either",
    by: "nothing said about isolation",
    change: site((properties) => {
      delete properties.functionsRuntimeAdminIsolationEnabled;
    }, CALLER),
  },
  {
    breaks: "the Functions host shows no page of its own",
    by: "the home page",
    change: setting("AzureWebJobsDisableHomepage", "false", CALLER),
  },
  {
    breaks: "the Functions host reads bodies of twice what the apps take, and none beyond",
    by: "the host's own limit",
    change: setting("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "104857600"),
  },
  {
    breaks: "requests are encrypted up to the worker, where the plan offers it",
    by: "plain HTTP inside the platform",
    in: "dedicated",
    change: site((properties) => {
      properties.endToEndEncryptionEnabled = false;
    }),
  },
  {
    breaks: "remote debugging is off",
    by: "remote debugging",
    change: config((siteConfig) => {
      siteConfig.remoteDebuggingEnabled = true;
    }),
  },
  {
    breaks: "the platform checks the health of services that have a path for it",
    by: "no path",
    change: config((siteConfig) => {
      delete siteConfig.healthCheckPath;
    }),
  },
  {
    breaks: "no setting holds a secret, but the content share's key on Elastic Premium",
    by: "a client secret",
    change: setting("CALLER_CLIENT_SECRET", "[parameters('secret')]", CALLER),
  },
  {
    breaks: "no setting holds a secret, but the content share's key on Elastic Premium",
    by: "a key on a dedicated plan",
    in: "dedicated",
    change: setting("BACKUP_CONNECTION", "[listKeys('x', '2025-06-01').keys[0].value]"),
  },
  {
    breaks: "a service gets its own settings as they are declared",
    by: "another value",
    change: setting(ownSetting, "another", owner),
  },
];
