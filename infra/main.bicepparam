// The parameters of azd: values of the azd environment (azd env set NAME VALUE), or the defaults of main.bicep. An empty value
// means the default, like a missing one, because azd cannot unset a value. docs/deploy-parameters.md lists all of them.
using 'main.bicep'
import { orDefault } from 'types.bicep'

// Not by orDefault: the compiler checks the size only if the expression has a literal type.
var givenSku = readEnvironmentVariable('RESTRICTED_PLAN_SKU', '')
var sku = empty(givenSku) ? 'EP1' : givenSku
var zoneRedundant = bool(orDefault(readEnvironmentVariable('RESTRICTED_ZONE_REDUNDANT', ''), 'false'))
var instances = int(orDefault(readEnvironmentVariable('RESTRICTED_MINIMUM_INSTANCES', ''), zoneRedundant ? '2' : '1'))
var prefixLength = readEnvironmentVariable('RESTRICTED_SUBNET_PREFIX_LENGTH', '')
var deployers = filter(
  split(readEnvironmentVariable('RESTRICTED_DEPLOYER_ADDRESS_RANGES', ''), ','),
  range => !empty(range)
)
var ingress = filter(
  split(readEnvironmentVariable('RESTRICTED_INGRESS_ADDRESS_RANGES', ''), ','),
  range => !empty(range)
)
var apiClientIds = json(orDefault(readEnvironmentVariable('RESTRICTED_API_CLIENT_IDS', ''), '{}'))
var credential = readEnvironmentVariable('RESTRICTED_CALLER_CREDENTIAL', '')
var workspaceId = readEnvironmentVariable('RESTRICTED_EXISTING_WORKSPACE', '')
var managementReference = readEnvironmentVariable('RESTRICTED_SERVICE_MANAGEMENT_REFERENCE', '')

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', '')
param tags = json(orDefault(readEnvironmentVariable('RESTRICTED_RESOURCE_TAGS', ''), '{}'))
param location = readEnvironmentVariable('AZURE_LOCATION', '')
param plan = startsWith(sku, 'EP')
  ? {
      kind: 'ElasticPremium'
      sku: sku
      minimumInstances: instances
      maximumInstances: int(orDefault(readEnvironmentVariable('RESTRICTED_MAXIMUM_INSTANCES', ''), '20'))
      zoneRedundant: zoneRedundant
    }
  : {
      kind: 'Dedicated'
      sku: sku
      instances: instances
      zoneRedundant: zoneRedundant
    }
param addressSpace = orDefault(readEnvironmentVariable('RESTRICTED_ADDRESS_SPACE', ''), '10.0.0.0/16')
param subnetPrefixLength = empty(prefixLength) ? null : int(prefixLength)
param existingSubnets = json(orDefault(readEnvironmentVariable('RESTRICTED_EXISTING_SUBNETS', ''), '{}'))
param deployerAddressRanges = deployers
param ingressAddressRanges = empty(ingress) ? deployers : ingress
param entra = empty(apiClientIds)
  ? {
      kind: 'Deployed'
    }
  : {
      kind: 'Prepared'
      apiClientIds: apiClientIds
      callerClientIds: json(orDefault(readEnvironmentVariable('RESTRICTED_CALLER_CLIENT_IDS', ''), '{}'))
    }
param callerCredential = empty(credential) ? 'managed-identity' : credential
param serviceManagementReference = empty(managementReference) ? null : managementReference
param appServiceAuthentication = bool(orDefault(
  readEnvironmentVariable('RESTRICTED_APP_SERVICE_AUTHENTICATION', ''),
  'false'
))
param alertEmailAddresses = filter(
  split(readEnvironmentVariable('RESTRICTED_ALERT_EMAIL_ADDRESSES', ''), ','),
  address => !empty(address)
)
param existingWorkspaceId = empty(workspaceId) ? null : workspaceId
param logRetentionDays = int(orDefault(readEnvironmentVariable('RESTRICTED_LOG_RETENTION_DAYS', ''), '30'))
param logDailyCapGigabytes = int(orDefault(readEnvironmentVariable('RESTRICTED_LOG_DAILY_CAP_GIGABYTES', ''), '5'))
