// The Entra part alone: what a directory administrator deploys where whoever deploys the rest may not touch the directory, by
// npm run entra. The identities come first, because app roles are assigned to them; main.bicep finds them as they are.
import { CallerCredential } from 'types.bicep'

@minLength(1)
@maxLength(64)
@description('The name of the environment, as azd knows it.')
param environmentName string

@description('The region of the identities.')
param location string = resourceGroup().location

@description('Tags of the identities.')
param tags {
  *: string
} = {}

@description('How callers prove to Entra ID who they are.')
param callerCredential CallerCredential = 'managed-identity'

@description('The id under which a service management tool knows the app registrations, where the tenant asks for one.')
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

@description('The parameter RESTRICTED_API_CLIENT_IDS of the other deployment: client ids by service.')
output apiClientIds {
  *: string
} = toObject(directory.outputs.apis, api => api.name, api => api.clientId)

@description('The parameter RESTRICTED_CALLER_CLIENT_IDS of the other deployment: client ids by service.')
output callerClientIds {
  *: string
} = toObject(directory.outputs.callers, caller => caller.name, caller => caller.clientId)
