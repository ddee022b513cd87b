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
var roles = {
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(roles): {
    scope: account
    name: guid(account.id, identity.id, role.value)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      description: '${role.key}, for the Functions host of ${identityName}.'
    }
  }
]
