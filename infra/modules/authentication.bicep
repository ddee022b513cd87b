// App Service Authentication ("Easy Auth" in the article). It validates tokens before they reach the app, which validates them
// again. Its refusals are 401 and 403 without problem documents.
// https://learn.microsoft.com/azure/app-service/overview-authentication-authorization

@description('The name of the site.')
param siteName string

@description('The client id of the service\'s app registration.')
param apiClientId string

@description('The App ID URI of the service.')
param identifierUri string

@description('The client ids that may call.')
param allowedCallers string[]

@description('The path that needs no credentials.')
param healthCheckPath string?

resource site 'Microsoft.Web/sites@2025-03-01' existing = {
  name: siteName
}

// https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad
resource authentication 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: site
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
      runtimeVersion: '~1'
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      excludedPaths: healthCheckPath == null ? [] : [healthCheckPath!]
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: apiClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            apiClientId
            identifierUri
          ]
          defaultAuthorizationPolicy: {
            allowedApplications: allowedCallers
          }
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
    httpSettings: {
      requireHttps: true
    }
  }
}
