// What azd deploys: values of the azd environment (azd env set NAME VALUE), the defaults of main.bicep otherwise.
// docs/deploy-parameters.md lists them all.
using 'main.bicep'

var sku = readEnvironmentVariable('PLAN_SKU', 'EP1')
var zoneRedundant = bool(readEnvironmentVariable('ZONE_REDUNDANT', 'false'))
var minimumInstances = readEnvironmentVariable('MINIMUM_INSTANCES', '')
var instances = empty(minimumInstances) ? (zoneRedundant ? 2 : 1) : int(minimumInstances)
var prefixLength = readEnvironmentVariable('SUBNET_PREFIX_LENGTH', '')
var deployers = filter(split(readEnvironmentVariable('DEPLOYER_ADDRESS_RANGES', ''), ','), range => !empty(range))
var ingress = filter(split(readEnvironmentVariable('INGRESS_ADDRESS_RANGES', ''), ','), range => !empty(range))
var apiClientIds = readEnvironmentVariable('API_CLIENT_IDS', '{}')
var resourceTags = readEnvironmentVariable('RESOURCE_TAGS', '')
var managementReference = readEnvironmentVariable('SERVICE_MANAGEMENT_REFERENCE', '')

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', '')
param tags = json(empty(resourceTags) ? '{}' : resourceTags)
param location = readEnvironmentVariable('AZURE_LOCATION', '')
param plan = startsWith(sku, 'EP')
  ? {
      kind: 'ElasticPremium'
      sku: sku
      minimumInstances: instances
      maximumInstances: int(readEnvironmentVariable('MAXIMUM_INSTANCES', '20'))
      zoneRedundant: zoneRedundant
    }
  : {
      kind: 'Dedicated'
      sku: sku
      instances: instances
      zoneRedundant: zoneRedundant
    }
param addressSpace = readEnvironmentVariable('ADDRESS_SPACE', '10.0.0.0/16')
param subnetPrefixLength = empty(prefixLength) ? null : int(prefixLength)
param deployerAddressRanges = deployers
param ingressAddressRanges = empty(ingress) ? deployers : ingress
param entra = apiClientIds == '{}'
  ? {
      kind: 'Deployed'
    }
  : {
      kind: 'Prepared'
      apiClientIds: json(apiClientIds)
      callerClientIds: json(readEnvironmentVariable('CALLER_CLIENT_IDS', '{}'))
    }
param callerCredential = readEnvironmentVariable('CALLER_CREDENTIAL', 'managed-identity')
param serviceManagementReference = empty(managementReference) ? null : managementReference
param appServiceAuthentication = bool(readEnvironmentVariable('APP_SERVICE_AUTHENTICATION', 'false'))
param alertEmailAddresses = filter(
  split(readEnvironmentVariable('ALERT_EMAIL_ADDRESSES', ''), ','),
  address => !empty(address)
)
param logRetentionDays = int(readEnvironmentVariable('LOG_RETENTION_DAYS', '30'))
