// The Entra part alone. A directory administrator deploys it (npm run entra) if the deployer of the rest has no permission in the
// directory. It includes the identities, because app roles are assigned to them; main.bicep updates the same identities.
import { CallerCredential } from 'types.bicep'

@minLength(1)
@maxLength(64)
@description('The name of the azd environment.')
param environmentName string

@description('The region of the identities.')
param location string = resourceGroup().location

@description('Tags of the identities.')
param tags {
  *: string
} = {}

@description('The credential of the callers for Entra ID.')
param callerCredential CallerCredential = 'managed-identity'

@description('The service management reference of the app registrations, if the tenant requires one.')
param serviceManagementReference string?

module identities 'modules/identities.bicep' = {
  params: {
    location: location
    environmentName: environmentName
    tags: tags
  }
}

module directory 'modules/entra.bicep' = {
  params: {
    environmentName: environmentName
    callerCredential: callerCredential
    serviceManagementReference: serviceManagementReference
  }
  dependsOn: [identities]
}

@description('The value of RESTRICTED_API_CLIENT_IDS for the other deployment: client ids by service.')
output apiClientIds {
  *: string
} = toObject(directory.outputs.apis, api => api.name, api => api.clientId)

@description('The value of RESTRICTED_CALLER_CLIENT_IDS for the other deployment: client ids by service.')
output callerClientIds {
  *: string
} = toObject(directory.outputs.callers, caller => caller.name, caller => caller.clientId)
