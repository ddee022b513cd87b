// Application Insights, and a Log Analytics workspace if none is brought along.

@description('The region.')
param location string

@description('Tags of the resources.')
param tags {
  *: string
}

@description('The suffix that makes the names of this environment unique.')
param suffix string

@description('The resource id of a workspace that exists. If not given, this module creates one.')
param existingWorkspaceId string?

@minValue(30)
@maxValue(730)
@description('The retention of the logs, in days.')
param retentionDays int

@minValue(1)
@maxValue(1000)
@description('The daily cap of the logs, in gigabytes.')
param dailyCapGigabytes int

@description('The names of the identities that send telemetry.')
param publishers string[]

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = [
  for publisher in publishers: {
    name: publisher
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = if (existingWorkspaceId == null) {
  name: 'log-${suffix}'
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    // Limits the cost of a flood of refused calls: https://learn.microsoft.com/azure/azure-monitor/logs/daily-cap
    workspaceCapping: {
      dailyQuotaGb: dailyCapGigabytes
    }
    features: {
      disableLocalAuth: true
    }
  }
}

// Logs who reads the logs: https://learn.microsoft.com/azure/azure-monitor/logs/query-audit
resource queries 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (existingWorkspaceId == null) {
  scope: workspace
  name: 'workspace'
  properties: {
    workspaceId: workspace.id
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

var workspaceId = existingWorkspaceId ?? workspace.id

// Accepts telemetry from Entra ID identities only. Therefore the connection string is no secret.
// https://learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication
resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${suffix}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspaceId
    DisableLocalAuth: true
  }
}

module publish 'telemetry-access.bicep' = [
  for (publisher, i) in publishers: {
    params: {
      insightsName: insights.name
      publisher: publisher
      #disable-next-line what-if-short-circuiting // a preview shows all resources except these role assignments
      principalId: identity[i].properties.principalId
    }
  }
]

@description('The workspace that all logs go to.')
output workspaceId string = workspaceId

@description('The connection string of Application Insights. No secret.')
output connectionString string = insights.properties.ConnectionString
