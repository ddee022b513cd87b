// The virtual network, with an integration subnet and a network security group for each service that brings none along.
import { OutboundDestination, Subnet } from '../types.bicep'

@description('The region.')
param location string

@description('Tags of the resources.')
param tags {
  *: string
}

@description('The suffix that makes the names of this environment unique.')
param suffix string

@description('The address space of the virtual network. A /16 contains every subnet number of the access policy.')
param addressSpace string

@minValue(24)
@maxValue(28)
@description('The prefix length of each integration subnet.')
param subnetPrefixLength int

@description('The services, the number of the subnet of each, its further destinations, and its subnet if it exists.')
param services {
  name: string
  place: int
  outboundDestinations: OutboundDestination[]
  existingSubnetId: string?
}[]

@description('Whether the apps mount their files from Azure Files, as an Elastic Premium plan does.')
param contentShare bool

// A subnet that exists belongs to another team, and so does its network security group.
var withOwnSubnet = filter(services, service => empty(service.?existingSubnetId ?? ''))

// Every service calls Entra ID, Application Insights, other services, its own site (the Functions host synchronises its
// triggers there), storage, and Azure Files by SMB. The tags have no region, because sign-in and telemetry have none.
// https://learn.microsoft.com/azure/virtual-network/service-tags-overview
var httpsTags = ['AzureActiveDirectory', 'AzureMonitor', 'AppService', 'Storage']
var needed = concat(
  map(httpsTags, tag => { to: tag, port: 443, protocol: 'Tcp' }),
  contentShare ? [{ to: 'Storage', port: 445, protocol: 'Tcp' }] : []
)
// Platform DNS and managed identities are not subject to these rules.
// https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#azure-platform-considerations
var refusals = [
  { name: 'no-remote-administration', to: 'VirtualNetwork', ports: ['22', '3389'], priority: 4000 }
  { name: 'nothing-else', to: '*', ports: ['0-65535'], priority: 4096 }
]

// Only outbound rules act on an integration subnet: https://learn.microsoft.com/azure/app-service/overview-vnet-integration#network-security-groups
resource outbound 'Microsoft.Network/networkSecurityGroups@2025-01-01' = [
  for service in withOwnSubnet: {
    name: 'nsg-${service.name}-${suffix}'
    location: location
    tags: tags
    properties: {
      securityRules: concat(
        map(
          concat(
            needed,
            map(service.outboundDestinations, declared => { to: declared.to, port: declared.port, protocol: '*' })
          ),
          (allowed, i) => {
            name: 'call-${i + 1}'
            properties: {
              access: 'Allow'
              direction: 'Outbound'
              priority: 100 + i
              protocol: allowed.protocol
              sourceAddressPrefix: '*'
              sourcePortRange: '*'
              destinationAddressPrefix: allowed.to
              destinationPortRange: string(allowed.port)
            }
          }
        ),
        map(refusals, refused => {
          name: refused.name
          properties: {
            access: 'Deny'
            direction: 'Outbound'
            priority: refused.priority
            protocol: '*'
            sourceAddressPrefix: '*'
            sourcePortRange: '*'
            destinationAddressPrefix: refused.to
            destinationPortRanges: refused.ports
          }
        })
      )
    }
  }
]

// Every service has its own /24 of the address space, and its subnet begins at the first address of it. So neither a new
// service nor another size moves a subnet. The subnets are properties of the virtual network, because it depends on API
// version and region whether a virtual network that is deployed again without its subnets keeps them.
resource network 'Microsoft.Network/virtualNetworks@2025-01-01' = if (!empty(withOwnSubnet)) {
  name: 'vnet-${suffix}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressSpace]
    }
    subnets: [
      for (service, i) in withOwnSubnet: {
        name: service.name
        properties: {
          networkSecurityGroup: {
            id: outbound[i].id
          }
          addressPrefix: cidrSubnet(cidrSubnet(addressSpace, 24, service.place), subnetPrefixLength, 0)
          // https://learn.microsoft.com/azure/app-service/overview-vnet-integration#subnet-requirements
          delegations: [
            {
              name: 'app-service'
              properties: {
                serviceName: 'Microsoft.Web/serverFarms'
              }
            }
          ]
          // Calls to other services and to storage carry the subnet's identity.
          serviceEndpoints: [
            { service: 'Microsoft.Web' }
            { service: 'Microsoft.Storage' }
          ]
        }
      }
    ]
  }

  resource subnet 'subnets' existing = [
    for service in services: {
      name: service.name
    }
  ]
}

@description('The integration subnets, in the order of the services.')
output subnets Subnet[] = [
  for (service, i) in services: {
    name: service.name
    id: empty(service.?existingSubnetId ?? '') ? network::subnet[i].id : service.existingSubnetId!
  }
]
