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

@description('The workspace that logs go to.')
param workspaceId string

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
    // What is signed with a key, or by an identity in place of one, is good for 7 days at most.
    // https://learn.microsoft.com/azure/storage/common/sas-expiration-policy
    sasPolicy: {
      sasExpirationPeriod: '7.00:00:00'
      expirationAction: 'Block'
    }
    // A reminder for whoever audits; keys do not end by themselves.
    // https://learn.microsoft.com/azure/storage/common/storage-account-keys-manage#create-a-key-expiration-policy
    keyPolicy: {
      keyExpirationPeriodInDays: 90
    }
    networkAcls: {
      defaultAction: 'Deny'
      bypass: 'None'
      virtualNetworkRules: [
        { id: subnetId }
      ]
    }
  }

  resource tables 'tableServices' existing = {
    name: 'default'
  }
}

// Who has read and changed the data.
// https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-storage-storageaccounts-tableservices-logs
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account::tables
  name: 'workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

// On the account and not on single tables, because the service creates its tables at first use; nothing else is here.
module access 'storage-access.bicep' = {
  params: {
    accountName: account.name
    #disable-next-line what-if-short-circuiting // a preview shows everything but these role assignments
    principalId: identity.properties.principalId
    roles: {
      // Storage Table Data Contributor
      '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': '${identityName} reads and writes its tables.'
    }
  }
}

@description('The endpoint of the table service, without a trailing slash.')
output tableEndpoint string = 'https://${account.name}.table.${environment().suffixes.storage}'
