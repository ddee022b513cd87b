// Integration subnets and a Log Analytics workspace that another team owns. Reads no environment variable.
using '../main.bicep'

var services = items(loadJsonContent('../../shared/access-policy.json').services)
var owners = '/subscriptions/00000000-0000-0000-0000-000000000005/resourceGroups'

param environmentName = 'snapshot'
param location = 'westeurope'
param deployerAddressRanges = ['203.0.113.7/32']
param existingSubnets = toObject(
  services,
  service => service.key,
  service =>
    '${owners}/rg-network/providers/Microsoft.Network/virtualNetworks/vnet-landing-zone/subnets/snet-${service.key}'
)
param existingWorkspaceId = '${owners}/rg-logs/providers/Microsoft.OperationalInsights/workspaces/log-landing-zone'
