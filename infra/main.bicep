// Restricted inter-service communications on Azure Functions. Who may call whom is read from shared/access-policy.json,
// and everything here follows from it: a further service is an entry there.
targetScope = 'subscription'

import { AccessPolicy, CallerCredential, EntraSetup, identityName, nameSuffix, Plan, ServiceOptions } from 'types.bicep'

@minLength(1)
@maxLength(64)
@description('The name of the environment. It is part of the names of all resources.')
param environmentName string

@description('Tags of all resources, besides those that azd finds them by.')
param tags {
  *: string
} = {}

@minLength(1)
@description('The region of all resources.')
param location string

@description('The plan of each service; every service gets one of its own.')
param plan Plan = {
  kind: 'ElasticPremium'
  sku: 'EP1'
  minimumInstances: 1
  maximumInstances: 20
  zoneRedundant: false
}

@description('The address space of the virtual network: a /16 has a place for every service that the access policy can name.')
param addressSpace string = '10.0.0.0/16'

@minValue(24)
@maxValue(28)
@description('The size of each integration subnet. If not given, it follows the maximum instances of the plan; give it before you change those of a running system, because a subnet in use cannot change its size.')
param subnetPrefixLength int?

@description('The address ranges that may reach the SCM sites, in CIDR notation: those of whoever deploys.')
param deployerAddressRanges string[]

@description('The address ranges that may reach services that are nobody\'s callee, such as caller-func.')
param ingressAddressRanges string[] = deployerAddressRanges

@description('Where the app registrations come from: this deployment, or a directory administrator.')
param entra EntraSetup = {
  kind: 'Deployed'
}

@description('How callers prove to Entra ID who they are: as their managed identity, or as an app registration that trusts it.')
param callerCredential CallerCredential = 'managed-identity'

@description('The id under which a service management tool knows the app registrations, where the tenant asks for one.')
param serviceManagementReference string?

@description('App Service Authentication in front of the in-code checks.')
param appServiceAuthentication bool = false

@description('Who gets a mail about alerts. Without any, alerts show in the portal only.')
param alertEmailAddresses string[] = []

@minValue(30)
@maxValue(730)
@description('For how long logs are kept, in days.')
param logRetentionDays int = 30

@minValue(1)
@maxValue(1000)
@description('Logs that are taken in on a day, in gigabytes. Beyond, none are kept until the next day, also not who was refused.')
param logDailyCapGigabytes int = 5

@description('What only one service needs, by service.')
param serviceOptions {
  *: ServiceOptions
} = loadJsonContent('service-options.json')

var policy AccessPolicy = loadJsonContent('../shared/access-policy.json')
var services = items(policy.services)
var suffix = nameSuffix(subscription().subscriptionId, environmentName)
var allTags = union(tags, { 'azd-env-name': environmentName })

// One address for each instance, twice that during upgrades, and the five that Azure keeps in every subnet:
// https://learn.microsoft.com/azure/app-service/overview-vnet-integration#subnet-requirements
var maximumInstances = plan.kind == 'ElasticPremium' ? plan.maximumInstances : plan.instances
// Not given is 0 to some tools that expand the template, such as PSRule.
var givenPrefixLength = subnetPrefixLength ?? 0
var prefixLength = givenPrefixLength != 0
  ? givenPrefixLength
  : maximumInstances > 61 ? 24 : maximumInstances > 29 ? 25 : 26
var addresses = { '24': 256, '25': 128, '26': 64, '27': 32, '28': 16 }
var neededAddresses = 2 * maximumInstances + 5
var checkedPrefixLength = neededAddresses > addresses[string(prefixLength)]
  ? fail('A /${prefixLength} subnet has ${addresses[string(prefixLength)]} addresses, and ${maximumInstances} instances need ${neededAddresses}: lower subnetPrefixLength, or the maximum of the parameter "plan".')
  : prefixLength

// What a directory administrator has to hand over, where the app registrations are not deployed here.
var apiNames = map(filter(services, service => !empty(service.value.roles)), service => service.key)
var callerNames = flatten(map(services, service => objectKeys(service.value.callers)))
var missingApis = entra.kind == 'Prepared' ? filter(apiNames, name => !contains(entra.apiClientIds, name)) : []
var missingCallers = entra.kind == 'Prepared' && callerCredential == 'federated-identity'
  ? filter(callerNames, name => !contains(entra.callerClientIds, name))
  : []
var preparedApis = !empty(missingApis)
  ? fail('The parameter "entra" has no apiClientIds for ${join(missingApis, ', ')}: npm run entra prints them.')
  : entra.kind == 'Prepared' ? map(items(entra.apiClientIds), api => { name: api.key, clientId: api.value }) : []
var preparedCallers = !empty(missingCallers)
  ? fail('The parameter "entra" has no callerClientIds for ${join(missingCallers, ', ')}: npm run entra prints them.')
  : entra.kind == 'Prepared'
      ? map(items(entra.callerClientIds), caller => { name: caller.key, clientId: caller.value })
      : []

// Microsoft Graph Bicep deploys to the public cloud only: https://learn.microsoft.com/graph/templates/limitations
var publicCloudOnly = environment().name == 'AzureCloud'
  ? {}
  : fail('This system deploys to the public cloud only, and this is ${environment().name}: azd config unset cloud.name')

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: union(allTags, publicCloudOnly)
}

module identities 'modules/identities.bicep' = {
  scope: group
  params: {
    location: location
    environmentName: environmentName
    tags: allTags
  }
}

module network 'modules/network.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    suffix: suffix
    addressSpace: addressSpace
    subnetPrefixLength: checkedPrefixLength
    services: map(services, service => {
      name: service.key
      place: service.value.subnet
      outboundDestinations: serviceOptions[?service.key].?outboundDestinations ?? []
    })
    contentShare: plan.kind == 'ElasticPremium'
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    suffix: suffix
    retentionDays: logRetentionDays
    dailyCapGigabytes: logDailyCapGigabytes
    publishers: map(services, service => identityName(service.key, suffix))
  }
  dependsOn: [identities]
}

module directory 'modules/entra.bicep' = if (entra.kind == 'Deployed') {
  scope: group
  params: {
    environmentName: environmentName
    callerCredential: callerCredential
    serviceManagementReference: serviceManagementReference
  }
  dependsOn: [identities]
}

module service 'modules/service.bicep' = [
  for service in services: {
    scope: group
    params: {
      location: location
      tags: allTags
      suffix: suffix
      name: service.key
      policy: service.value
      callees: map(filter(services, other => contains(other.value.callers, service.key)), callee => callee.key)
      options: serviceOptions[?service.key] ?? {}
      plan: plan
      identities: identities.outputs.identities
      subnets: network.outputs.subnets
      // No site before its identity's roles: this waits for all of them, also where it uses no client id.
      apis: entra.kind == 'Deployed' ? directory!.outputs.apis : preparedApis
      callerClients: entra.kind == 'Deployed' ? directory!.outputs.callers : preparedCallers
      callerCredential: callerCredential
      appServiceAuthentication: appServiceAuthentication
      ingressAddressRanges: ingressAddressRanges
      deployerAddressRanges: deployerAddressRanges
      workspaceId: monitoring.outputs.workspaceId
      insightsConnectionString: monitoring.outputs.connectionString
    }
  }
]

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    suffix: suffix
    workspaceId: monitoring.outputs.workspaceId
    emailAddresses: alertEmailAddresses
  }
}

@description('The resource group of everything.')
output AZURE_RESOURCE_GROUP string = group.name

@description('The tenant whose tokens the services accept.')
output AZURE_TENANT_ID string = tenant().tenantId

@description('The services: name, site and origin of each.')
output SERVICES {
  name: string
  siteName: string
  url: string
}[] = [
  for (item, i) in services: {
    name: item.key
    siteName: service[i].outputs.siteName
    url: service[i].outputs.url
  }
]
