import { Subnet } from '../types.bicep'

@description('The region.')
param location string

@description('Tags of the virtual network.')
param tags {
  *: string
}

@description('The name of the virtual network.')
param name string

@description('The address space of the virtual network: a /16 has a place for every service that the access policy can name.')
param addressSpace string

@minValue(24)
@maxValue(28)
@description('The size of each integration subnet.')
param subnetPrefixLength int

@description('The services in need of a subnet, and the place of each.')
param services {
  name: string
  place: int
}[]

// Every service has a /24 of the address space to itself, and its subnet begins where that begins: neither an added
// service nor another size moves a subnet. The subnets are part of the virtual network's own definition: whether a
// virtual network that is deployed again without its subnets keeps them depends on the API version and the region.
resource network 'Microsoft.Network/virtualNetworks@2025-01-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressSpace]
    }
    subnets: [
      for service in services: {
        name: service.name
        properties: {
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
          // Calls to other services and to storage arrive there with the subnet's identity.
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
    id: network::subnet[i].id
  }
]
