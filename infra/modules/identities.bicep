// One user-assigned identity for each service. User-assigned, so that its app roles can be granted before the app first
// starts: App Service caches a managed identity's tokens for up to 24 hours, and with them the roles of that moment.
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identity-best-practice-recommendations
import { AccessPolicy, ClientId, identityName, nameSuffix } from '../types.bicep'

@description('The region.')
param location string = resourceGroup().location

@description('The name of the environment, as azd knows it.')
param environmentName string

@description('Tags of the identities.')
param tags {
  *: string
} = {}

var policy AccessPolicy = loadJsonContent('../../shared/access-policy.json')
var services = objectKeys(policy.services)
var suffix = nameSuffix(subscription().subscriptionId, environmentName)

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = [
  for service in services: {
    name: identityName(service, suffix)
    location: location
    tags: tags
  }
]

@description('The client ids of the identities.')
output identities ClientId[] = [
  for (service, i) in services: {
    name: service
    clientId: identity[i].properties.clientId
  }
]
