// Every option on. Reads no environment variable.
using '../main.bicep'

param environmentName = 'snapshot'
param location = 'westeurope'
param tags = {
  owner: 'ops'
}
param plan = {
  kind: 'ElasticPremium'
  sku: 'EP3'
  minimumInstances: 3
  maximumInstances: 40
  zoneRedundant: true
}
param addressSpace = '10.64.0.0/16'
param deployerAddressRanges = ['203.0.113.7/32', '198.51.100.0/28']
param ingressAddressRanges = ['192.0.2.0/24', '2001:db8::/32']
param callerCredential = 'federated-identity'
param serviceManagementReference = '00000000-0000-0000-0000-000000000003'
param appServiceAuthentication = true
param alertEmailAddresses = ['operations@example.com']
param logRetentionDays = 90
param logDailyCapGigabytes = 50
