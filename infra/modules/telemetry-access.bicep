// The role assignment of one identity on Application Insights.

@description('The name of the Application Insights resource.')
param insightsName string

@description('The name of the identity that sends telemetry.')
param publisher string

@description('The principal id of that identity.')
param principalId string

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

@description('Monitoring Metrics Publisher')
var publisherRole = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  '3913510d-42f4-4e42-8a64-420c390055eb'
)

resource publish 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  // The name depends on the principal: see storage-access.bicep.
  name: guid(insights.id, principalId, publisherRole)
  properties: {
    roleDefinitionId: publisherRole
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: '${publisher} sends its telemetry here.'
  }
}
