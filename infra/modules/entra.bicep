// The application layer in Entra ID: app registrations with app roles, assignment required, and the role assignments.
// main.bicep deploys it, or a directory administrator by entra.bicep (docs/deploy.md).
import {
  AccessPolicy
  CallerCredential
  ClientId
  ExternalCaller
  identifierUri
  identityName
  nameSuffix
} from '../types.bicep'

extension microsoftGraphV1

@description('The name of the azd environment.')
param environmentName string

@description('The credential of the callers for Entra ID.')
param callerCredential CallerCredential = 'managed-identity'

@description('The service management reference of the app registrations, if the tenant requires one.')
param serviceManagementReference string?

var policy AccessPolicy = loadJsonContent('../../shared/access-policy.json')
var suffix = nameSuffix(subscription().subscriptionId, environmentName)
var services = objectKeys(policy.services)
var apis = filter(items(policy.services), service => !empty(service.value.roles))
var callers = filter(services, name => !empty(filter(apis, api => contains(api.value.callers, name))))
var registeredCallers = callerCredential == 'federated-identity' ? callers : []

// Every role of every caller of every API. Nothing else is granted.
var grants = flatten(map(
  range(0, length(apis)),
  i =>
    flatten(map(
      items(apis[i].value.callers),
      caller =>
        map(caller.value, role => {
          api: i
          caller: caller.key
          roleId: apis[i].value.roles[role].id
        })
    ))
))

// An external caller has a service principal already.
var serviceGrants = filter(grants, grant => contains(policy.services, grant.caller))
var externalGrants = filter(grants, grant => !contains(policy.services, grant.caller))
var externalCallers {
  *: ExternalCaller
} = policy.?externalCallers ?? {}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = [
  for service in services: {
    name: identityName(service, suffix)
  }
]

resource application 'Microsoft.Graph/applications@v1.0' = [
  for api in apis: {
    uniqueName: '${api.key}-${suffix}'
    displayName: '${api.key} (${environmentName})'
    description: 'Lets only assigned services call ${api.key}.'
    serviceManagementReference: serviceManagementReference
    signInAudience: 'AzureADMyOrg'
    identifierUris: [identifierUri(tenant().tenantId, api.key, suffix)]
    api: {
      requestedAccessTokenVersion: 2
    }
    // A role must be disabled before it can be removed: docs/deploy.md, "Removing a role".
    appRoles: map(items(api.value.roles), role => {
      id: role.value.id
      value: role.key
      displayName: role.key
      description: role.value.description
      allowedMemberTypes: ['Application']
      isEnabled: true
    })
    // "app" in tokens without a user: https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
    optionalClaims: {
      accessToken: [
        {
          name: 'idtyp'
          essential: false
          additionalProperties: []
        }
      ]
    }
  }
]

resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = [
  for (api, i) in apis: {
    appId: application[i].appId
    // Without an assignment, Entra ID issues no token: https://learn.microsoft.com/entra/identity-platform/howto-restrict-your-app-to-a-set-of-users
    appRoleAssignmentRequired: true
  }
]

// The alternative credential: an app registration that trusts the caller's managed identity. It has no secret.
resource callerApplication 'Microsoft.Graph/applications@v1.0' = [
  for caller in registeredCallers: {
    uniqueName: '${caller}-client-${suffix}'
    displayName: '${caller} as a client (${environmentName})'
    description: '${caller} calls other services as this app.'
    serviceManagementReference: serviceManagementReference
    signInAudience: 'AzureADMyOrg'
  }
]

// https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
resource federatedCredential 'Microsoft.Graph/applications/federatedIdentityCredentials@v1.0' = [
  for (caller, i) in registeredCallers: {
    name: '${callerApplication[i].uniqueName}/managed-identity'
    description: 'The managed identity of ${caller}.'
    issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
    subject: identity[indexOf(services, caller)].properties.principalId
    audiences: ['api://AzureADTokenExchange']
  }
]

resource callerServicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = [
  for (caller, i) in registeredCallers: {
    appId: callerApplication[i].appId
  }
]

resource assignment 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for grant in serviceGrants: {
    appRoleId: grant.roleId
    principalId: callerCredential == 'federated-identity'
      ? callerServicePrincipal[indexOf(callers, grant.caller)].id
      : identity[indexOf(services, grant.caller)].properties.principalId
    resourceId: servicePrincipal[grant.api].id
  }
]

resource externalAssignment 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for grant in externalGrants: {
    appRoleId: grant.roleId
    principalId: externalCallers[grant.caller].objectId
    resourceId: servicePrincipal[grant.api].id
  }
]

@description('The client id of each service with roles.')
output apis ClientId[] = [
  for (api, i) in apis: {
    name: api.key
    clientId: application[i].appId
  }
]

@description('The client id of each app registration that a caller uses instead of its identity.')
output callers ClientId[] = [
  for (caller, i) in registeredCallers: {
    name: caller
    clientId: callerApplication[i].appId
  }
]
