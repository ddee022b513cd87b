// The plan of one service.
import { Plan } from '../types.bicep'

@description('The region.')
param location string

@description('Tags of the plan.')
param tags {
  *: string
}

@description('The name of the plan.')
param name string

@description('Kind, size and number of instances.')
param plan Plan

var minimum = plan.kind == 'ElasticPremium' ? plan.minimumInstances : plan.instances
var maximum = plan.kind == 'ElasticPremium' ? plan.maximumInstances : plan.instances

// https://learn.microsoft.com/azure/reliability/reliability-functions
var instances = plan.zoneRedundant && minimum < 2
  ? fail('A zone-redundant plan needs at least 2 instances, but the minimum is ${minimum}: raise minimumInstances (or instances) of the parameter "plan".')
  : maximum < minimum
      ? fail('The parameter "plan" has a maximumInstances of ${maximum}, which is below its minimumInstances of ${minimum}.')
      : minimum

// https://learn.microsoft.com/azure/azure-functions/functions-premium-plan
resource elasticPremium 'Microsoft.Web/serverfarms@2025-03-01' = if (plan.kind == 'ElasticPremium') {
  name: name
  location: location
  tags: tags
  kind: 'elastic'
  sku: {
    tier: 'ElasticPremium'
    name: plan.sku
    capacity: instances
  }
  properties: {
    reserved: true // Linux
    maximumElasticWorkerCount: maximum
    zoneRedundant: plan.zoneRedundant
  }
}

// https://learn.microsoft.com/azure/azure-functions/dedicated-plan
resource dedicated 'Microsoft.Web/serverfarms@2025-03-01' = if (plan.kind == 'Dedicated') {
  name: name
  location: location
  tags: tags
  kind: 'linux'
  sku: {
    name: plan.sku // implies the tier, which differs for P0v3
    capacity: instances
  }
  properties: {
    reserved: true // Linux
    zoneRedundant: plan.zoneRedundant
  }
}

@description('The resource id of the plan.')
output id string = plan.kind == 'ElasticPremium' ? elasticPremium.id : dedicated.id
