// Alert rules on the logs of all services, and on changes by people and pipelines.

@description('The region.')
param location string

@description('Tags of the alert rules.')
param tags {
  *: string
}

@description('The suffix that makes the names of this environment unique.')
param suffix string

@description('The workspace that the alerts query.')
param workspaceId string

@description('The mail addresses that alerts go to. Without one, alerts appear in the portal only.')
param emailAddresses string[]

type AlertRule = {
  displayName: string
  description: string

  @minValue(0)
  @maxValue(4)
  severity: int

  @description('Every row of the result counts.')
  query: string

  @description('The rows in 15 minutes above which a period counts as failed.')
  threshold: int

  @description('How many of the last four periods of 15 minutes must have failed.')
  periods: int
}

// Application Insights names a function app by its site. Others may write to the same workspace.
// https://github.com/Azure/azure-webjobs-sdk/blob/dev/src/Microsoft.Azure.WebJobs.Logging.ApplicationInsights/Initializers/WebJobsRoleEnvironmentTelmetryInitializer.cs
var ownApps = '| where AppRoleName endswith \'-${suffix}\'\n'

// The queries name no service: they read the events that every service of this pattern logs, and those of the workspace.
var rules { *: AlertRule } = {
  'refused-calls': {
    displayName: 'Calls refused by a service'
    description: 'The app refused a request that the network allowed: a caller without permission, an invalid token, or no signing keys.'
    severity: 2
    query: '''
      AppTraces
      | where Message startswith '{"event":"authorization"'
      | extend event = parse_json(Message)
      | where tobool(event.allowed) == false
      | project TimeGenerated, AppRoleName, code = tostring(event.code), callerAppId = tostring(event.callerAppId)
    '''
    threshold: 0
    periods: 1
  }
  'refused-connections': {
    displayName: 'A caller is refused by the network'
    description: 'A service\'s access restrictions refused calls of a caller: the caller has lost its subnet, or the service its rule.'
    severity: 2
    // Only the caller logs these refusals: function apps have no log of access restrictions.
    query: '''
      AppTraces
      | where Message startswith '{"event":"delivery-run"'
      | extend run = parse_json(Message)
      | where toint(run.refusedByNetwork) > 0
      | project TimeGenerated, AppRoleName, refusedByNetwork = toint(run.refusedByNetwork)
    '''
    threshold: 0
    periods: 1
  }
  'failed-deliveries': {
    displayName: 'Deliveries fail'
    description: 'For most of an hour, scheduled runs failed or could not deliver messages.'
    severity: 2
    query: '''
      union isfuzzy=true
        (AppTraces
        | where Message startswith '{"event":"delivery-run"'
        | extend run = parse_json(Message)
        | where toint(run.stillPending) > 0 or toint(run.unsaved) > 0 or toint(run.stuck) > 0
        | project TimeGenerated, AppRoleName),
        (AppRequests
        | where Success == false and isempty(Url)
        | project TimeGenerated, AppRoleName)
    '''
    threshold: 0
    periods: 3
  }
  'oldest-pending-message': {
    displayName: 'A message is pending for more than an hour'
    description: 'The oldest pending message is older than an hour. After a day it becomes stuck, and a person must retry it.'
    severity: 1
    query: '''
      AppTraces
      | where Message startswith '{"event":"delivery-run"'
      | extend run = parse_json(Message)
      | where todouble(run.oldestSeconds) > 3600
      | project TimeGenerated, AppRoleName, oldestSeconds = todouble(run.oldestSeconds)
    '''
    threshold: 0
    periods: 1
  }
  'log-cap': {
    displayName: 'The logs have reached their daily cap'
    description: 'Nothing is logged until the cap is reset: no refused call, no delivery, and no other alert.'
    severity: 1
    // https://learn.microsoft.com/azure/azure-monitor/logs/daily-cap#alert-when-daily-cap-is-reached
    query: '''
      _LogOperation
      | where Category =~ 'Ingestion' and Detail contains 'OverQuota'
      | project TimeGenerated, Detail
    '''
    threshold: 0
    periods: 1
  }
}

resource mail 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emailAddresses)) {
  name: 'ag-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'services'
    enabled: true
    emailReceivers: [
      for (address, i) in emailAddresses: {
        name: 'mail-${i + 1}'
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

var actionGroupIds = empty(emailAddresses) ? [] : [mail.id]

resource alert 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in items(rules): {
    name: '${rule.key}-${suffix}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.value.displayName
      description: rule.value.description
      enabled: true
      severity: rule.value.severity
      scopes: [workspaceId]
      evaluationFrequency: 'PT15M'
      windowSize: 'PT15M'
      criteria: {
        allOf: [
          {
            query: rule.key == 'log-cap' ? rule.value.query : '${rule.value.query}${ownApps}'
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: rule.value.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: rule.value.periods == 1 ? 1 : 4
              minFailingPeriodsToAlert: rule.value.periods
            }
          }
        ]
      }
      autoMitigate: true
      // A table exists only after its first row has arrived.
      skipQueryValidation: true
      actions: {
        actionGroups: actionGroupIds
      }
    }
  }
]

module changes 'change-alerts.bicep' = {
  params: {
    tags: tags
    suffix: suffix
    actionGroupIds: actionGroupIds
  }
}
