// The site of one service: its identity, settings and access restrictions.
import { NetworkAccess, Plan } from '../types.bicep'

@description('The region.')
param location string

@description('Tags of the site.')
param tags {
  *: string
}

@minLength(2)
@maxLength(60)
@description('The name of the site. Its first 32 characters are the id of its Functions host.')
param name string

@description('The plan\'s kind and size.')
param plan Plan

@description('The resource id of the plan.')
param planId string

@description('The name of the identity that the app runs as.')
param identityName string

@description('The integration subnet.')
param subnetId string

@description('The origins that may reach the site.')
param access NetworkAccess

@description('The storage account of the Functions host.')
param hostStorageName string

@description('The share of that account for the app\'s files. Elastic Premium only.')
param contentShare string?

@description('A path that returns 200 without credentials if an instance is healthy.')
param healthCheckPath string?

@description('The app settings of this service.')
param settings {
  *: string
}

@description('The workspace that logs go to.')
param workspaceId string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName
}

var hostSettings = {
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'node'
  WEBSITE_RUN_FROM_PACKAGE: '1'
  // The host's home page names the platform: https://learn.microsoft.com/azure/azure-functions/functions-app-settings#azurewebjobsdisablehomepage
  AzureWebJobsDisableHomepage: 'true'
  // Bytes. The host reads a body into memory before the guard runs. The apps accept 64 KiB (shared/functions/json-body.ts). With
  // twice that, they respond with their own 413 to a body that is a little too large, and 200 concurrent requests hold 25 MiB.
  // https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '131072'
  // https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
  AzureWebJobsStorage__blobServiceUri: 'https://${hostStorageName}.blob.${environment().suffixes.storage}'
  AzureWebJobsStorage__queueServiceUri: 'https://${hostStorageName}.queue.${environment().suffixes.storage}'
  AzureWebJobsStorage__tableServiceUri: 'https://${hostStorageName}.table.${environment().suffixes.storage}'
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
}

// https://learn.microsoft.com/azure/azure-functions/functions-app-settings#website_contentazurefileconnectionstring
var contentSettings = contentShare == null
  ? {}
  : {
      WEBSITE_CONTENTAZUREFILECONNECTIONSTRING: 'DefaultEndpointsProtocol=https;AccountName=${hostStorageName};AccountKey=${hostStorage.listKeys().keys[0].value};EndpointSuffix=${environment().suffixes.storage}'
      WEBSITE_CONTENTSHARE: contentShare!
      // The resource provider validates the share from outside the virtual network, and the storage firewall refuses it.
      WEBSITE_SKIP_CONTENTSHARE_VALIDATION: '1'
    }

var callerRules = [
  for (caller, i) in access.callers: {
    name: caller.name
    description: 'Only the subnet of ${caller.name}'
    action: 'Allow'
    priority: 100 + i
    vnetSubnetResourceId: caller.id
  }
]
var callerAddressRules = [
  for (address, i) in access.callerAddressRanges: {
    name: address.caller
    description: 'Only addresses of ${address.caller}'
    action: 'Allow'
    priority: 300 + i
    ipAddress: address.range
  }
]
var addressRules = [
  for (range, i) in access.addressRanges: {
    name: 'ingress-${i + 1}'
    description: 'A declared ingress address range'
    action: 'Allow'
    priority: 200 + i
    ipAddress: range
  }
]
var deployerRules = [
  for (range, i) in access.deployerAddressRanges: {
    name: 'deployer-${i + 1}'
    description: 'A declared deployer address range'
    action: 'Allow'
    priority: 100 + i
    ipAddress: range
  }
]

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: planId
    reserved: true
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identity.id
    publicNetworkAccess: 'Enabled' // the access restrictions below decide
    virtualNetworkSubnetId: subnetId
    // https://learn.microsoft.com/azure/app-service/configure-vnet-integration-routing
    outboundVnetRouting: {
      allTraffic: true
      // That page includes it in allTraffic; in one issue, single options were read back as false:
      // https://github.com/Azure/bicep-types-az/issues/2529
      applicationTraffic: true
      contentShareTraffic: true // replaces the app setting WEBSITE_CONTENTOVERVNET
    }
    // A shell in the app's container can use the app's identity: https://learn.microsoft.com/azure/app-service/configure-linux-open-ssh-session
    sshEnabled: false
    // Encrypts from the front end to the worker. Available on Premium App Service plans; the page does not name Elastic Premium.
    // https://learn.microsoft.com/azure/app-service/overview-tls#end-to-end-tls-encryption
    endToEndEncryptionEnabled: plan.kind == 'Dedicated'
    // Only the platform may call the host's endpoints under /admin, not even a client with the master key. Bicep's types lack it:
    // https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functionsruntimeadminisolationenabled
    #disable-next-line BCP037
    functionsRuntimeAdminIsolationEnabled: true
    siteConfig: {
      linuxFxVersion: 'NODE|24'
      // Elastic Premium refuses it and keeps minimumElasticInstanceCount instances ready. On other plans timers need it.
      alwaysOn: plan.kind == 'Dedicated'
      minimumElasticInstanceCount: plan.kind == 'ElasticPremium' ? plan.minimumInstances : null
      functionAppScaleLimit: plan.kind == 'ElasticPremium' ? plan.maximumInstances : null
      // Available on Premium and dedicated plans. An earlier version of the second page advised against it on Premium
      // Functions; the current one names them.
      // https://learn.microsoft.com/azure/azure-functions/configure-monitoring#monitor-function-apps-using-health-check
      // https://learn.microsoft.com/azure/app-service/monitor-instances-health-check#enable-health-check
      healthCheckPath: healthCheckPath
      http20Enabled: true
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      remoteDebuggingEnabled: false
      // https://learn.microsoft.com/azure/app-service/overview-access-restrictions
      ipSecurityRestrictions: concat(callerRules, callerAddressRules, addressRules)
      ipSecurityRestrictionsDefaultAction: 'Deny'
      scmIpSecurityRestrictions: deployerRules
      scmIpSecurityRestrictionsDefaultAction: 'Deny'
      scmIpSecurityRestrictionsUseMain: false
      appSettings: map(items(union(settings, hostSettings, contentSettings)), setting => {
        name: setting.key
        value: setting.value
      })
    }
  }

  // https://learn.microsoft.com/azure/app-service/configure-basic-auth-disable
  resource ftpCredentials 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: {
      allow: false
    }
  }

  resource scmCredentials 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }
}

// All logs that the site's kind and plan offer. To name a category that they do not offer fails the deployment. Function apps
// do not offer AppServiceIPSecAuditLogs, the log of access restrictions:
// https://learn.microsoft.com/azure/azure-functions/monitor-functions-reference#resource-logs
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: site
  name: 'workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

@description('The host name of the main site.')
output hostName string = site.properties.defaultHostName
