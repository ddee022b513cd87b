@description('The storage account.')
param accountName string

@description('The principal id of the one identity that may use it.')
param principalId string

@description('The ids of the built-in roles that it gets, each with what for.')
param roles {
  *: string
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName
}

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(roles): {
    scope: account
    // With the principal in it, which takes a module of its own (BCP120): an identity that is deleted and created again
    // is another principal, and that of an assignment cannot be changed (RoleAssignmentUpdateNotPermitted).
    // https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-update-not-permitted
    name: guid(account.id, principalId, role.key)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.key)
      principalId: principalId
      principalType: 'ServicePrincipal'
      description: role.value
    }
  }
]
