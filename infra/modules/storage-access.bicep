// Role assignments of one identity on one storage account.

@description('The name of the storage account.')
param accountName string

@description('The principal id of the one identity that may use it.')
param principalId string

@description('The ids of the built-in roles that it gets, each with a description.')
param roles {
  *: string
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName
}

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(roles): {
    scope: account
    // The name depends on the principal, and therefore this is a module (BCP120): an identity that was deleted and created
    // again is another principal, and an assignment cannot change its principal (RoleAssignmentUpdateNotPermitted).
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
