/**
 * The Azure public cloud: its name in azd and az, and its origins. infra/main.bicep refuses other clouds, because Microsoft
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
