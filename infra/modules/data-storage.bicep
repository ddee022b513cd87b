@description('The region.')
param location string

@description('Tags of the storage account.')
param tags {
  *: string
}

@minLength(3)
@maxLength(24)
@description('The name of the storage account.')
param name string

@description('Copies in several availability zones, as a zone-redundant plan asks for.')
param zoneRedundant bool

@description('The name of the identity of the service that owns the data.')
param identityName string

@description('The only subnet that the account answers to.')
param subnetId string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

// A service's data, and nobody else's: no key, no anonymous access, one identity, one subnet.
// https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent
resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
  }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      defaultAction: 'Deny'
      bypass: 'None'
      virtualNetworkRules: [
        { id: subnetId }
      ]
    }
  }
}

@description('Storage Table Data Contributor')
var tableContributor = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
)

// On the account and not on single tables, because the service creates its tables at first use; nothing else is here.
resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, identity.id, tableContributor)
  properties: {
    roleDefinitionId: tableContributor
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: '${identityName} reads and writes its tables.'
  }
}

@description('The endpoint of the table service, without a trailing slash.')
output tableEndpoint string = 'https://${account.name}.table.${environment().suffixes.storage}'
