// Restricted inter-service communications on Azure Functions. shared/access-policy.json says which service may call which; all
// resources follow from it. To add a service, add an entry there.
targetScope = 'subscription'

import {
  AccessPolicy
  CallerCredential
  EntraSetup
  ExternalCaller
  identityName
  nameSuffix
  Plan
  ServiceOptions
} from 'types.bicep'

@minLength(1)
@maxLength(64)
@description('The name of the environment. It is part of the names of all resources.')
param environmentName string

@description('Tags of all resources, besides those of azd.')
param tags {
  *: string
} = {}

@minLength(1)
@description('The region of all resources.')
param location string

@description('The plan of each service. Services share no plan.')
param plan Plan = {
  kind: 'ElasticPremium'
  sku: 'EP1'
  minimumInstances: 1
  maximumInstances: 20
  zoneRedundant: false
}

@description('The address space of the virtual network. A /16 contains every subnet number of the access policy.')
param addressSpace string = '10.0.0.0/16'

@minValue(24)
@maxValue(28)
@description('The prefix length of each integration subnet. If not given, it follows the maximum instances of the plan. Set it before you change these in a running system, because a subnet in use cannot change its size.')
param subnetPrefixLength int?

@description('Integration subnets that exist, by service: their resource ids. The deployment uses them and never changes them. It creates subnets for the other services only.')
param existingSubnets {
  *: string
} = {}

@description('The address ranges that may reach the SCM sites, in CIDR notation: those of the deployers.')
param deployerAddressRanges string[]

@description('The address ranges that may reach services without roles, such as caller-func.')
param ingressAddressRanges string[] = deployerAddressRanges

@description('Who creates the app registrations: this deployment, or a directory administrator.')
param entra EntraSetup = {
  kind: 'Deployed'
}

@description('The credential of the callers for Entra ID: their managed identity, or an app registration that trusts it.')
param callerCredential CallerCredential = 'managed-identity'

@description('The service management reference of the app registrations, if the tenant requires one.')
param serviceManagementReference string?

@description('Whether App Service Authentication validates tokens before the app does.')
param appServiceAuthentication bool = false

@description('The mail addresses that alerts go to. Without one, alerts appear in the portal only.')
param alertEmailAddresses string[] = []

@description('The resource id of a Log Analytics workspace that exists. The deployment sends all logs to it and never changes it: its retention and daily cap apply. If not given, the deployment creates one.')
param existingWorkspaceId string?

@minValue(30)
@maxValue(730)
@description('The retention of the logs, in days.')
param logRetentionDays int = 30

@minValue(1)
@maxValue(1000)
@description('The daily cap of the logs, in gigabytes. When it is reached, Azure Monitor drops all further logs of the day, also those of refused calls.')
param logDailyCapGigabytes int = 5

@description('The options of single services, by service.')
param serviceOptions {
  *: ServiceOptions
} = loadJsonContent('service-options.json')

var policy AccessPolicy = loadJsonContent('../shared/access-policy.json')
var services = items(policy.services)
var externalCallers {
  *: ExternalCaller
} = policy.?externalCallers ?? {}
var suffix = nameSuffix(subscription().subscriptionId, environmentName)
var allTags = union(tags, { 'azd-env-name': environmentName })

// One address for each instance, twice as many during upgrades, and the five that Azure reserves in every subnet:
// https://learn.microsoft.com/azure/app-service/overview-vnet-integration#subnet-requirements
var maximumInstances = plan.kind == 'ElasticPremium' ? plan.maximumInstances : plan.instances
// Some tools that expand the template, such as PSRule, pass 0 for a missing value.
var givenPrefixLength = subnetPrefixLength ?? 0
var prefixLength = givenPrefixLength != 0
  ? givenPrefixLength
  : maximumInstances > 61 ? 24 : maximumInstances > 29 ? 25 : 26
var addresses = { '24': 256, '25': 128, '26': 64, '27': 32, '28': 16 }
var neededAddresses = 2 * maximumInstances + 5
var checkedPrefixLength = neededAddresses > addresses[string(prefixLength)]
  ? fail('A /${prefixLength} subnet has ${addresses[string(prefixLength)]} addresses, but ${maximumInstances} instances need ${neededAddresses}: lower subnetPrefixLength, or the maximum of the parameter "plan".')
  : prefixLength

// The client ids that a directory administrator must provide if this deployment does not create the app registrations.
var apiNames = map(filter(services, service => !empty(service.value.roles)), service => service.key)
var callerNames = filter(
  flatten(map(services, service => objectKeys(service.value.callers))),
  name => contains(policy.services, name)
)
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
  : fail('This system deploys to the public cloud only, but this is ${environment().name}: azd config unset cloud.name')

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
      existingSubnetId: existingSubnets[?service.key]
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
    existingWorkspaceId: existingWorkspaceId
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
      externalCallers: externalCallers
      callees: map(filter(services, other => contains(other.value.callers, service.key)), callee => callee.key)
      options: serviceOptions[?service.key] ?? {}
      plan: plan
      identities: identities.outputs.identities
      subnets: network.outputs.subnets
      // Makes every site wait for the role assignments, also if it uses none of these client ids.
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

@description('The resource group of all resources.')
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
