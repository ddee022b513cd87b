// The types and names that the templates share.

@export()
@description('Which service may call which, with which app role: shared/access-policy.json.')
type AccessPolicy = {
  @description('The path of the JSON Schema.')
  '$schema': string?

  @description('The services by name.')
  services: {
    *: ServicePolicy
  }

  @description('Callers that are no services, by name.')
  externalCallers: {
    *: ExternalCaller
  }?
}

@export()
@description('A caller that another team runs. It calls from its own subnet, or from public addresses.')
type ExternalCaller = {
  @description('The client id in its tokens.')
  clientId: string

  @description('The object id of its service principal.')
  objectId: string

  @description('The resource id of the subnet that it calls from.')
  subnet: string?

  @description('The public address ranges that it calls from, in CIDR notation.')
  addressRanges: string[]?
}

@export()
@description('One service of the access policy.')
type ServicePolicy = {
  @minValue(0)
  @maxValue(255)
  @description('The number of its subnet in the address space. A subnet in use cannot move.')
  subnet: int

  @description('The app roles that it exposes, by value.')
  roles: {
    *: {
      id: string
      description: string
    }
  }

  @description('The services and external callers that may call it, each with the roles it is granted.')
  callers: {
    *: string[]
  }

  @description('Why callers hold roles, by caller and role. The templates do not use it.')
  justifications: {
    *: {
      *: Justification
    }
  }?
}

@export()
@description('Who is responsible for a grant, and why it exists.')
type Justification = {
  @description('Who decides about the grant.')
  owner: string

  @description('Why the caller needs the role.')
  reason: string

  @description('The date on which the grant ends, YYYY-MM-DD.')
  until: string?
}

@export()
@description('The plan of each service. Services share no plan: apps on one plan share its machines, and at most two integration subnets.')
@discriminator('kind')
type Plan = ElasticPremiumPlan | DedicatedPlan

@export()
@description('Scales by events between a minimum and a maximum. Its content share needs an account key.')
type ElasticPremiumPlan = {
  kind: 'ElasticPremium'

  @description('Per instance: EP1 has 1 core and 3.5 GB, EP2 2 cores and 7 GB, EP3 4 cores and 14 GB.')
  sku: 'EP1' | 'EP2' | 'EP3'

  @minValue(1)
  @maxValue(20)
  @description('Instances that are always ready and always billed.')
  minimumInstances: int

  @minValue(1)
  @maxValue(100)
  @description('The number of instances that the plan scales out to at most. Linux: 20 to 100, by region.')
  maximumInstances: int

  @description('Whether instances run in several availability zones. Needs at least two instances and a region with zones.')
  zoneRedundant: bool
}

@export()
@description('The alternative, an App Service plan: a fixed number of instances, and no account key.')
type DedicatedPlan = {
  kind: 'Dedicated'

  @description('A Premium v3 size.')
  sku: 'P0v3' | 'P1v3' | 'P2v3' | 'P3v3'

  @minValue(1)
  @maxValue(30)
  @description('Instances that run all the time.')
  instances: int

  @description('Whether instances run in several availability zones. Needs at least two instances and a region with zones.')
  zoneRedundant: bool
}

@export()
@description('Who creates the app registrations.')
@discriminator('kind')
type EntraSetup = DeployedEntra | PreparedEntra

@export()
@description('This deployment creates them. The deployer needs the permission in the directory.')
type DeployedEntra = {
  kind: 'Deployed'
}

@export()
@description('A directory administrator has deployed entra.bicep (npm run entra). These are its outputs.')
type PreparedEntra = {
  kind: 'Prepared'

  @description('The client id of the app registration of each service with roles, by service.')
  apiClientIds: {
    *: string
  }

  @description('The client id of the app registration that each caller uses instead of its identity, by service.')
  callerClientIds: {
    *: string
  }
}

@export()
@description('The credential of a caller for Entra ID.')
type CallerCredential = 'managed-identity' | 'federated-identity'

@export()
@description('The options of one service. A service without an entry gets the defaults.')
type ServiceOptions = {
  @description('The app setting that gets the endpoint of the data account\'s table service. DATA_TABLE_ENDPOINT if not given.')
  tableEndpointSetting: string?

  @description('A path that returns 200 without credentials if an instance is healthy. No health check if not given.')
  healthCheckPath: string?

  @description('Further app settings, by name. Use no secrets: the deployment shows them.')
  settings: {
    *: string
  }?

  @description('Destinations that the service may call besides Entra ID, Application Insights, other services and storage.')
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
@description('The client id of a service.')
type ClientId = {
  @description('The service.')
  name: string

  @description('The client id of its app registration or of its identity.')
  clientId: string
}

@export()
@description('A subnet that a service or an external caller calls from.')
type Subnet = {
  @description('The service or external caller.')
  name: string

  @description('The resource id.')
  id: string
}

@export()
@description('The origins that may reach a site over the network. All others are refused.')
type NetworkAccess = {
  @description('The subnets that may reach the main site.')
  callers: Subnet[]

  @description('The address ranges of external callers that may reach the main site, in CIDR notation.')
  callerAddressRanges: { caller: string, range: string }[]

  @description('The ingress address ranges that may reach the main site, in CIDR notation.')
  addressRanges: string[]

  @description('The address ranges that may reach the SCM site, in CIDR notation. Callers are never among them.')
  deployerAddressRanges: string[]
}

@export()
@description('A value of the azd environment. Empty means the default, because azd cannot unset a value.')
func orDefault(value string, default string) string => empty(value) ? default : value

@export()
@description('The suffix that makes the names of an environment\'s resources unique.')
func nameSuffix(subscriptionId string, environmentName string) string =>
  uniqueString(subscriptionId, toLower(environmentName))

@export()
@description('The name of a service\'s identity.')
func identityName(service string, suffix string) string => 'id-${service}-${suffix}'

@export()
@description('The prefix of the settings by which a caller calls a service: CALLEE for callee-func, BILLING for billing-func or billing. shared/access-policy.ts has the same rule.')
func settingPrefix(service string) string =>
  toUpper(replace(endsWith(service, '-func') ? take(service, length(service) - 5) : service, '-', '_'))

@export()
@description('The App ID URI of a service. It contains the tenant, and not the client id of the app registration, which no template knows before the registration exists.')
func identifierUri(tenantId string, service string, suffix string) string => 'api://${tenantId}/${service}-${suffix}'

@export()
@description('The name of a service\'s site. The service comes first: the first 32 characters are the id of the Functions host, and hosts with the same id on one storage account stop each other.')
func siteName(service string, suffix string) string => '${service}-${suffix}'

@export()
@description('The origin of a service: no path, no trailing slash.')
func siteUrl(service string, suffix string) string => 'https://${siteName(service, suffix)}.azurewebsites.net'
