// Alert rules on the activity log of the resource group: who changed what both layers rest on. They see no other resource group,
// such as that of subnets that another team owns.

@description('Tags of the alert rules.')
param tags {
  *: string
}

@description('The suffix that makes the names of this environment unique.')
param suffix string

@description('The resource ids of the action groups that send mail. Without one, alerts appear in the portal only.')
param actionGroupIds string[]

type ChangeAlert = {
  description: string

  @description('The operations of Resource Manager, any of which raises the alert.')
  operations: string[]
}

// https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations
var rules { *: ChangeAlert } = {
  'site-changed': {
    description: 'Somebody changed the configuration of a site: its access restrictions, settings, network integration, publishing credentials or slots.'
    operations: [
      'Microsoft.Web/sites/write'
      'Microsoft.Web/sites/delete'
      'Microsoft.Web/sites/config/write'
      'Microsoft.Web/sites/config/delete'
      'Microsoft.Web/sites/config/web/appsettings/write'
      'Microsoft.Web/sites/config/web/appsettings/delete'
      'Microsoft.Web/sites/basicPublishingCredentialsPolicies/write'
      'Microsoft.Web/sites/basicPublishingCredentialsPolicies/ftp/write'
      'Microsoft.Web/sites/basicPublishingCredentialsPolicies/scm/write'
      'Microsoft.Web/sites/networkConfig/write'
      'Microsoft.Web/sites/networkConfig/delete'
      'Microsoft.Web/sites/privateEndpointConnections/write'
      'Microsoft.Web/sites/privateEndpointConnectionProxies/write'
      'Microsoft.Web/sites/slots/write'
      'Microsoft.Web/sites/slots/config/write'
      'Microsoft.Web/sites/slotsswap/action'
    ]
  }
  'network-changed': {
    description: 'Somebody changed a virtual network, a subnet or a network security group: which calls carry the subnet of a caller.'
    operations: [
      'Microsoft.Network/virtualNetworks/write'
      'Microsoft.Network/virtualNetworks/delete'
      'Microsoft.Network/virtualNetworks/subnets/write'
      'Microsoft.Network/virtualNetworks/subnets/delete'
      'Microsoft.Network/networkSecurityGroups/write'
      'Microsoft.Network/networkSecurityGroups/delete'
      'Microsoft.Network/networkSecurityGroups/securityRules/write'
      'Microsoft.Network/networkSecurityGroups/securityRules/delete'
    ]
  }
  'role-assignment-changed': {
    description: 'Somebody assigned an Azure role in the resource group, or removed one.'
    operations: [
      'Microsoft.Authorization/roleAssignments/write'
      'Microsoft.Authorization/roleAssignments/delete'
    ]
  }
}

// https://learn.microsoft.com/rest/api/monitor/activity-log-alerts/create-or-update
resource alert 'Microsoft.Insights/activityLogAlerts@2020-10-01' = [
  for rule in items(rules): {
    name: '${rule.key}-${suffix}'
    location: 'global'
    tags: tags
    properties: {
      description: rule.value.description
      enabled: true
      scopes: [resourceGroup().id]
      condition: {
        allOf: [
          {
            field: 'category'
            equals: 'Administrative'
          }
          // One mail for each change: an operation is also logged when it starts.
          {
            field: 'status'
            equals: 'Succeeded'
          }
          {
            anyOf: [
              for operation in rule.value.operations: {
                field: 'operationName'
                equals: operation
              }
            ]
          }
        ]
      }
      actions: {
        actionGroups: [for id in actionGroupIds: { actionGroupId: id }]
      }
    }
  }
]
