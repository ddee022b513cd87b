import { expectedOf } from "../expected.ts";
import { site, config, setting, resource, remove, CALLER, CALLEE, there, mutationsOf } from "./change.ts";

const [owner, ownSetting] = there(
  Object.entries(expectedOf("default").serviceOptions)
    .map(([service, options]) => [service, Object.keys(options?.settings ?? {})[0]] as const)
    .find((found): found is [string, string] => found[1] !== undefined),
);

export const siteMutations = mutationsOf({
  "every service runs as a user-assigned identity of its own": {
    "a system-assigned identity": site((_properties, found) => {
      there(found.identity).type = "SystemAssigned";
    }),
    "the caller's identity as well": site((_properties, found) => {
      const own = there(found.identity?.userAssignedIdentities);
      const [id] = Object.keys(own);
      own[there(id).replace(CALLEE, CALLER)] = {};
    }),
  },
  "the apps run on Node 24, on version 4 of the Functions host, from their package": {
    "an older Node": config((siteConfig) => {
      siteConfig.linuxFxVersion = "NODE|20";
    }),
  },
  "sites accept HTTPS only": {
    "plain HTTP": site((properties) => {
      properties.httpsOnly = false;
    }),
  },
  "sites accept TLS 1.2 or later": {
    "TLS 1.0 on the SCM site": config((siteConfig) => {
      siteConfig.scmMinTlsVersion = "1.0";
    }),
  },
  "FTP is off": {
    FTPS: config((siteConfig) => {
      siteConfig.ftpsState = "FtpsOnly";
    }),
  },
  "basic publishing credentials are off": {
    "basic credentials for the SCM site": resource(
      "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
      "/scm",
      (properties) => {
        properties.allow = true;
      },
    ),
    "no policy for FTP": remove("Microsoft.Web/sites/basicPublishingCredentialsPolicies", "/ftp"),
  },
  "SSH to an app's container is off": {
    "no value for SSH": site((properties) => {
      delete properties.sshEnabled;
    }),
  },
  "only the platform may call the administration endpoints of the Functions host": {
    "no value for isolation": site((properties) => {
      delete properties.functionsRuntimeAdminIsolationEnabled;
    }, CALLER),
  },
  "the Functions host has no home page": {
    "the home page": setting("AzureWebJobsDisableHomepage", "false", CALLER),
  },
  "the Functions host accepts bodies up to twice the limit of the apps": {
    "the host's own limit": setting("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "104857600"),
  },
  "requests are encrypted up to the worker, if the plan supports it": {
    "plain HTTP inside the platform": {
      in: "dedicated",
      change: site((properties) => {
        properties.endToEndEncryptionEnabled = false;
      }),
    },
  },
  "remote debugging is off": {
    "remote debugging": config((siteConfig) => {
      siteConfig.remoteDebuggingEnabled = true;
    }),
  },
  "the platform checks the health of services that have a path for it": {
    "no path": config((siteConfig) => {
      delete siteConfig.healthCheckPath;
    }),
  },
  "no setting holds a secret, except the content share's key on Elastic Premium": {
    "a client secret": setting("CALLER_CLIENT_SECRET", "[parameters('secret')]", CALLER),
    "a key on a dedicated plan": {
      in: "dedicated",
      change: setting("BACKUP_CONNECTION", "[listKeys('x', '2025-06-01').keys[0].value]"),
    },
  },
  "a service has its declared settings": {
    "another value": setting(ownSetting, "another", owner),
  },
});
