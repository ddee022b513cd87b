// One service of the access policy: its plan, storage and site, and the callers that may reach it.
import {
  CallerCredential
  ClientId
  ExternalCaller
  identifierUri
  identityName
  Plan
  ServiceOptions
  ServicePolicy
  settingPrefix
  siteName
  siteUrl
  Subnet
} from '../types.bicep'

@description('The region.')
param location string

@description('Tags of all resources.')
param tags {
  *: string
}

@description('The suffix that makes the names of this environment unique.')
param suffix string

@description('The name of the service in the access policy.')
param name string

@description('Its entry in the access policy.')
param policy ServicePolicy

@description('The external callers of the access policy.')
param externalCallers {
  *: ExternalCaller
}

@description('The services that it may call.')
param callees string[]

@description('Its options.')
param options ServiceOptions

@description('Kind, size and number of instances of its plan.')
param plan Plan

@description('The client ids of the identities of all services.')
param identities ClientId[]

@description('The integration subnets of all services.')
param subnets Subnet[]

@description('The client ids of the services with roles.')
param apis ClientId[]

@description('The client ids of the app registrations that callers use instead of their identities.')
param callerClients ClientId[]

@description('The credential of the callers for Entra ID.')
param callerCredential CallerCredential

@description('Whether App Service Authentication validates tokens before the app does.')
param appServiceAuthentication bool

@description('The address ranges that may reach a service without roles.')
param ingressAddressRanges string[]

@description('The address ranges that may reach the SCM site.')
param deployerAddressRanges string[]

@description('The workspace that logs go to.')
param workspaceId string

@description('The connection string of Application Insights.')
param insightsConnectionString string

var isApi = !empty(policy.roles)
var isCaller = !empty(callees)
var callers = objectKeys(policy.callers)
var clientId = first(filter(identities, candidate => candidate.name == name))!.clientId
var ownIdentityName = identityName(name, suffix)
var ownSiteName = siteName(name, suffix)
var hostStorageName = 'sthost${uniqueString(suffix, name)}'
var subnetId = first(filter(subnets, candidate => candidate.name == name))!.id
var contentShare = plan.kind == 'ElasticPremium' ? '${name}-content' : null
var apiIdentifierUri = identifierUri(tenant().tenantId, name, suffix)

// The client ids in the tokens of this service's callers. Without callers, an id that no app has.
var callerIds = map(
  callers,
  caller =>
    contains(externalCallers, caller)
      ? externalCallers[caller].clientId
      : callerCredential == 'federated-identity'
          ? first(filter(callerClients, candidate => candidate.name == caller))!.clientId
          : first(filter(identities, candidate => candidate.name == caller))!.clientId
)
var itsExternalCallers = filter(items(externalCallers), external => contains(callers, external.key))
var allowedCallers = empty(callers) ? ['00000000-0000-0000-0000-000000000000'] : callerIds

var tableEndpointSetting = options.?tableEndpointSetting ?? 'DATA_TABLE_ENDPOINT'

var commonSettings = {
  AZURE_TENANT_ID: tenant().tenantId
  AZURE_CLIENT_ID: clientId
  AZURE_AUTHORITY_HOST: join(take(split(environment().authentication.loginEndpoint, '/'), 3), '/')
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
  '${tableEndpointSetting}': dataStorage.outputs.tableEndpoint
}

var apiClientId = isApi ? first(filter(apis, candidate => candidate.name == name))!.clientId : ''
var apiSettings = isApi
  ? {
      API_CLIENT_ID: apiClientId
      API_IDENTIFIER_URI: apiIdentifierUri
      ALLOWED_CALLERS: join(allowedCallers, ',')
    }
  : {}

// CALLEE_URL and CALLEE_SCOPE for callee-func, LEDGER_FUNCTIONS_URL and LEDGER_FUNCTIONS_SCOPE for ledger-functions, and so on.
var calleeSettings = map(callees, callee => {
  '${settingPrefix(callee)}_URL': siteUrl(callee, suffix)
  '${settingPrefix(callee)}_SCOPE': '${identifierUri(tenant().tenantId, callee, suffix)}/.default'
})
var credentialSettings = callerCredential == 'federated-identity' && isCaller
  ? {
      CALLER_CREDENTIAL: callerCredential
      CALLER_APP_CLIENT_ID: first(filter(callerClients, candidate => candidate.name == name))!.clientId
    }
  : isCaller ? { CALLER_CREDENTIAL: callerCredential } : {}
var callerSettings = reduce(calleeSettings, credentialSettings, (all, some) => union(all, some))

module servicePlan 'plan.bicep' = {
  params: {
    location: location
    tags: tags
    name: 'plan-${name}-${suffix}'
    plan: plan
  }
}

module hostStorage 'host-storage.bicep' = {
  params: {
    location: location
    tags: tags
    name: hostStorageName
    zoneRedundant: plan.zoneRedundant
    contentShare: contentShare
    identityName: ownIdentityName
    subnetId: subnetId
  }
}

module dataStorage 'data-storage.bicep' = {
  params: {
    location: location
    tags: tags
    name: 'stdata${uniqueString(suffix, name)}'
    zoneRedundant: plan.zoneRedundant
    identityName: ownIdentityName
    subnetId: subnetId
    workspaceId: workspaceId
  }
}

module site 'site.bicep' = {
  params: {
    location: location
    // azd finds the site of a service of azure.yaml by this tag.
    tags: union(tags, { 'azd-service-name': name })
    name: ownSiteName
    plan: plan
    planId: servicePlan.outputs.id
    identityName: ownIdentityName
    subnetId: subnetId
    access: {
      callers: concat(
        filter(subnets, subnet => contains(callers, subnet.name)),
        map(filter(itsExternalCallers, external => contains(external.value, 'subnet')), external => {
          name: external.key
          id: external.value.subnet!
        })
      )
      callerAddressRanges: flatten(map(
        itsExternalCallers,
        external => map(external.value.?addressRanges ?? [], range => { caller: external.key, range: range })
      ))
      addressRanges: isApi ? [] : ingressAddressRanges
      deployerAddressRanges: deployerAddressRanges
    }
    hostStorageName: hostStorageName
    contentShare: contentShare
    healthCheckPath: options.?healthCheckPath
    // A setting of the templates replaces an option of the same name.
    settings: union(options.?settings ?? {}, commonSettings, apiSettings, callerSettings)
    workspaceId: workspaceId
  }
  dependsOn: [hostStorage]
}

module authentication 'authentication.bicep' = if (appServiceAuthentication && isApi) {
  params: {
    siteName: ownSiteName
    apiClientId: apiClientId
    identifierUri: apiIdentifierUri
    allowedCallers: allowedCallers
    healthCheckPath: options.?healthCheckPath
  }
  dependsOn: [site]
}

@description('The name of the site.')
output siteName string = ownSiteName

@description('The origin of the service.')
output url string = 'https://${site.outputs.hostName}'
