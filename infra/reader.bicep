// The identity of the nightly verification: it reads what `verify --deployed --read-only` reads, and nothing else. An owner of the
// resource group, who may grant permissions of Microsoft Graph, deploys it once: docs/delivery.md, "Every night".
extension microsoftGraphV1

@description('The subject of the tokens that the identity trusts: runs in one GitHub environment of one repository.')
param subject string

@description('The issuer of these tokens: GitHub Actions.')
param issuer string = 'https://token.actions.githubusercontent.com'

@description('The region of the identity.')
param location string = resourceGroup().location

resource reader 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-nightly-reader'
  location: location
  tags: resourceGroup().tags

  resource github 'federatedIdentityCredentials' = {
    name: 'github'
    properties: {
      issuer: issuer
      subject: subject
      audiences: ['api://AzureADTokenExchange']
    }
  }
}

// Not Reader: its wildcard includes actions that return keys, such as Microsoft.Web/sites/hostruntime/host/_master/read.
// https://learn.microsoft.com/azure/role-based-access-control/permissions/web-and-mobile
resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'nightly-reader')
  properties: {
    roleName: 'Nightly reader of ${resourceGroup().name} (${uniqueString(resourceGroup().id)})'
    description: 'Reads the configuration that the nightly verification compares. No settings, no keys, no data.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      { actions: loadJsonContent('reader-actions.json'), notActions: [], dataActions: [], notDataActions: [] }
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, reader.id, role.id)
  properties: {
    roleDefinitionId: role.id
    principalId: reader.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'The nightly verification reads the configuration.'
  }
}

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000003-0000-0000-c000-000000000000'
}

// Application.Read.All, to read app registrations, service principals and role assignments: the least permission for these.
// https://learn.microsoft.com/graph/permissions-reference#applicationreadall
resource readDirectory 'Microsoft.Graph/appRoleAssignedTo@v1.0' = {
  appRoleId: '9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30'
  principalId: reader.properties.principalId
  resourceId: graph.id
}

@description('The value of AZURE_CLIENT_ID in the GitHub environment.')
output clientId string = reader.properties.clientId
