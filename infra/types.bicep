// The types and names that the templates share.

@export()
@description('Who may call whom, with which app role: shared/access-policy.json.')
type AccessPolicy = {
  @description('Where the JSON Schema of the policy is.')
  '$schema': string?

  @description('The services by name.')
  services: {
    *: ServicePolicy
  }
}

@export()
@description('One service of the access policy.')
type ServicePolicy = {
  @minValue(0)
  @maxValue(255)
  @description('The fixed place of its subnet in the address space. A subnet in use cannot move.')
  subnet: int

  @description('The app roles it exposes, by value.')
  roles: {
    *: {
      id: string
      description: string
    }
  }

  @description('The services that may call it, each with the roles it is granted.')
  callers: {
    *: string[]
  }
}

@export()
@description('The plan of each service. The services never share one: apps on one plan share its machines, and two integration subnets at most.')
@discriminator('kind')
type Plan = ElasticPremiumPlan | DedicatedPlan

@export()
@description('Scales by events between a minimum and a maximum. Its content share needs a storage key.')
type ElasticPremiumPlan = {
  kind: 'ElasticPremium'

  @description('EP1: 1 core, 3.5 GB; EP2: 2 cores, 7 GB; EP3: 4 cores, 14 GB, for each instance.')
  sku: 'EP1' | 'EP2' | 'EP3'

  @minValue(1)
  @maxValue(20)
  @description('Instances that are always ready, and always billed.')
  minimumInstances: int

  @minValue(1)
  @maxValue(100)
  @description('Instances that the plan may scale out to. Linux: 20 to 100, by region.')
  maximumInstances: int

  @description('Instances in several availability zones. Needs two instances at least and a region that has zones.')
  zoneRedundant: bool
}

@export()
@description('The App Service plan alternative: a fixed number of instances, and no storage key at all.')
type DedicatedPlan = {
  kind: 'Dedicated'

  @description('A Premium v3 size.')
  sku: 'P0v3' | 'P1v3' | 'P2v3' | 'P3v3'

  @minValue(1)
  @maxValue(30)
  @description('Instances that run all the time.')
  instances: int

  @description('Instances in several availability zones. Needs two instances at least and a region that has zones.')
  zoneRedundant: bool
}

@export()
@description('Where the app registrations come from.')
@discriminator('kind')
type EntraSetup = DeployedEntra | PreparedEntra

@export()
@description('This deployment creates them; whoever runs it may do so in the directory.')
type DeployedEntra = {
  kind: 'Deployed'
}

@export()
@description('A directory administrator has deployed entra.bicep (npm run entra); these are its outputs.')
type PreparedEntra = {
  kind: 'Prepared'

  @description('The client id of the app registration of each service with roles, by service.')
  apiClientIds: {
    *: string
  }

  @description('The client id of the app registration that each caller uses in place of its identity, by service.')
  callerClientIds: {
    *: string
  }
}

@export()
@description('How a caller proves to Entra ID who it is.')
type CallerCredential = 'managed-identity' | 'federated-identity'

@export()
@description('What only one service needs. A service without an entry gets the defaults.')
type ServiceOptions = {
  @description('The app setting that gets the endpoint of the data account\'s table service; DATA_TABLE_ENDPOINT if not given.')
  tableEndpointSetting: string?

  @description('A path that answers 200 without credentials when an instance is healthy; no health check if not given.')
  healthCheckPath: string?

  @description('More app settings, by name. Nothing secret: they show in the deployment.')
  settings: {
    *: string
  }?

  @description('Where else the service calls, besides Entra ID, Application Insights, other services and storage; nowhere if not given.')
  outboundDestinations: OutboundDestination[]?
}

@export()
@description('A destination that a service may call.')
type OutboundDestination = {
  @description('A service tag, such as Sql, or an address range in CIDR notation.')
  to: string

  @minValue(1)
  @maxValue(65535)
  @description('The port, for TCP and UDP.')
  port: int
}

@export()
@description('What tokens call a service by.')
type ClientId = {
  @description('The service.')
  name: string

  @description('The client id of its app registration or of its identity.')
  clientId: string
}

@export()
@description('An integration subnet of a service.')
type Subnet = {
  @description('The service.')
  name: string

  @description('The resource id.')
  id: string
}

@export()
@description('Who may reach a site over the network; everybody else is refused.')
type NetworkAccess = {
  @description('The integration subnets that may reach the main site.')
  callers: Subnet[]

  @description('The address ranges that may reach the main site, in CIDR notation.')
  addressRanges: string[]

  @description('The address ranges that may reach the SCM site, in CIDR notation. Never a caller.')
  deployerAddressRanges: string[]
}

@export()
@description('A value of the azd environment, where empty is azd\'s only way to unset one.')
func orDefault(value string, default string) string => empty(value) ? default : value

@export()
@description('Makes the names of an environment\'s resources different from those of every other environment.')
func nameSuffix(subscriptionId string, environmentName string) string =>
  uniqueString(subscriptionId, toLower(environmentName))

@export()
@description('The name of a service\'s identity.')
func identityName(service string, suffix string) string => 'id-${service}-${suffix}'

@export()
@description('What the settings that tell a caller about a service begin with: CALLEE for callee-func, BILLING for billing-func or billing. tools/service-names.ts has the same rule.')
func settingPrefix(service string) string =>
  toUpper(replace(endsWith(service, '-func') ? take(service, length(service) - 5) : service, '-', '_'))

@export()
@description('The App ID URI of a service. It names the tenant and not the app registration\'s own client id, which a template cannot know before it exists.')
func identifierUri(tenantId string, service string, suffix string) string => 'api://${tenantId}/${service}-${suffix}'

@export()
@description('The name of a service\'s site. The service comes first: the first 32 characters are the id of the Functions host, and hosts of the same id on one storage account stop each other.')
func siteName(service string, suffix string) string => '${service}-${suffix}'

@export()
@description('The origin of a service: no path, no trailing slash.')
func siteUrl(service string, suffix string) string => 'https://${siteName(service, suffix)}.azurewebsites.net'
