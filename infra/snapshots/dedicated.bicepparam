// An App Service plan, and app registrations that a directory administrator has prepared. Reads no environment variable.
using '../main.bicep'

var services = items(loadJsonContent('../../shared/access-policy.json').services)
var apis = filter(services, service => !empty(service.value.roles))

param environmentName = 'snapshot'
param location = 'westeurope'
param plan = {
  kind: 'Dedicated'
  sku: 'P0v3'
  instances: 2
  zoneRedundant: false
}
param subnetPrefixLength = 27
param deployerAddressRanges = ['203.0.113.7/32']
param entra = {
  kind: 'Prepared'
  apiClientIds: toObject(apis, api => api.key, api => '00000000-0000-0000-0000-000000000004')
  callerClientIds: {}
}
