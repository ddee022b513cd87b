// One user-assigned identity for each service. Such an identity can get its app roles before the app first starts. This
// matters because App Service caches the tokens of managed identities, with their roles, for up to 24 hours.
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identity-best-practice-recommendations
import { AccessPolicy, ClientId, identityName, nameSuffix } from '../types.bicep'

@description('The region.')
param location string = resourceGroup().location

@description('The name of the azd environment.')
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
