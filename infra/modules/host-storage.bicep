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

@description('The content share that an Elastic Premium plan needs. Without it, the account has no use for keys and takes none.')
param contentShare string?

@description('The name of the identity of the app whose host keeps its state here.')
param identityName string

@description('The only subnet that the account answers to.')
param subnetId string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

// What the Functions host keeps: leases, timers and keys as blobs, and the app's files on an Elastic Premium plan. The
// host itself comes with its identity. The content share is mounted with an account key, because Azure Files has no
// other way for it: so an account of its own, apart from the data, and closed to all networks but the service's subnet
// (allowed on these plans for accounts that are closed from the start, with the content share's traffic through the
// virtual network).
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

  resource files 'fileServices' = if (contentShare != null) {
    name: 'default'

    // The app's own resource provider cannot create the share from outside the network; Resource Manager can.
    resource share 'shares' = {
      name: contentShare ?? 'none'
    }
  }
}

// What a host without storage bindings needs: blobs for coordination and keys, tables for its diagnostic events.
// https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
module access 'storage-access.bicep' = {
  params: {
    accountName: account.name
    #disable-next-line what-if-short-circuiting // a preview shows everything but these role assignments
    principalId: identity.properties.principalId
    roles: {
      // Storage Blob Data Owner
      'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Blobs, for the Functions host of ${identityName}.'
      // Storage Table Data Contributor
      '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': 'Tables, for the Functions host of ${identityName}.'
    }
  }
}
