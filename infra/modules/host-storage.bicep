// The storage account of a Functions host.

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

@description('The content share that an Elastic Premium plan needs. Without it, the account accepts no account key.')
param contentShare string?

@description('The name of the identity of the app whose host uses the account.')
param identityName string

@description('The only subnet that may reach the account.')
param subnetId string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

// Contains leases, timers and keys as blobs, and on an Elastic Premium plan the app's files. The host uses its identity. The
// platform mounts the content share with an account key, because Azure Files offers no other way for it. Therefore this
// account is separate from the data, and allows the service's subnet only. (These plans support an account with network
// rules from its creation on, if the traffic of the content share goes through the virtual network.)
// https://learn.microsoft.com/azure/azure-functions/configure-networking-how-to#restrict-your-storage-account-to-a-virtual-network
// https://learn.microsoft.com/azure/azure-functions/storage-considerations
resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
  }
  properties: {
    allowSharedKeyAccess: contentShare != null
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

  resource files 'fileServices' = if (contentShare != null) {
    name: 'default'

    // The app's resource provider cannot create the share from outside the network. Resource Manager can.
    resource share 'shares' = {
      name: contentShare ?? 'none'
    }
  }
}

// A host without storage bindings needs blobs for coordination and keys, and tables for its diagnostic events.
// https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
module access 'storage-access.bicep' = {
  params: {
    accountName: account.name
    #disable-next-line what-if-short-circuiting // a preview shows all resources except these role assignments
    principalId: identity.properties.principalId
    roles: {
      // Storage Blob Data Owner
      'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Blobs of the Functions host of ${identityName}.'
      // Storage Table Data Contributor
      '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': 'Tables of the Functions host of ${identityName}.'
    }
  }
}
