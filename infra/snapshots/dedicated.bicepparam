// An App Service plan, and app registrations that a directory administrator has prepared. Reads no environment variable.
using '../main.bicep'

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
  apiClientIds: {
    'callee-func': '00000000-0000-0000-0000-000000000004'
  }
  callerClientIds: {}
}
