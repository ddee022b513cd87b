// The storage account of a service's data.

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

@description('Whether the data is replicated over availability zones, as for a zone-redundant plan.')
param zoneRedundant bool

@description('The name of the identity of the service that owns the data.')
param identityName string

@description('The only subnet that may reach the account.')
param subnetId string

@description('The workspace that logs go to.')
param workspaceId string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

// No account key, no anonymous access, one identity, one subnet.
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
    // A shared access signature, by an account key or a user delegation key, is valid for at most 7 days.
    // https://learn.microsoft.com/azure/storage/common/sas-expiration-policy
    sasPolicy: {
      sasExpirationPeriod: '7.00:00:00'
      expirationAction: 'Block'
    }
    // For audits: the policy reports older keys, but does not disable them.
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

// Logs reads and changes of the data.
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

// The scope is the account, because the service creates its tables at first use. The account has no other data.
module access 'storage-access.bicep' = {
  params: {
    accountName: account.name
    #disable-next-line what-if-short-circuiting // a preview shows all resources except these role assignments
    principalId: identity.properties.principalId
    roles: {
      // Storage Table Data Contributor
      '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': '${identityName} reads and writes its tables.'
    }
  }
}

@description('The endpoint of the table service, without a trailing slash.')
output tableEndpoint string = 'https://${account.name}.table.${environment().suffixes.storage}'
