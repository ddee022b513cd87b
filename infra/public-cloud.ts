/**
 * The one cloud that this system runs in: its name in azd and az, and its hosts as origins. Other clouds are refused (infra/main.bicep): Microsoft
 * Graph Bicep deploys to the public cloud only.
 *
 * @see https://learn.microsoft.com/graph/templates/limitations
 */
export const publicCloud = {
  name: "AzureCloud",
  resourceManager: "https://management.azure.com",
  graph: "https://graph.microsoft.com",
  authority: "https://login.microsoftonline.com",
} as const;
