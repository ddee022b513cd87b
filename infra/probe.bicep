// The probe of `npm run verify -- --deployed --probe`: a container in a subnet of its own, which makes calls and prints their
// results. The command creates these resources from the evaluated snapshot, and removes them. No deployment contains them.
targetScope = 'resourceGroup'

@description('The region of the virtual network.')
param location string

@description('The suffix that makes the names of the environment unique.')
param suffix string

@description('A free address range of the virtual network, a /28: https://learn.microsoft.com/azure/container-instances/container-instances-vnet')
param addressPrefix string

@description('The id of this run. Every line of the log begins with it.')
param run string

@description('The calls to make, one a line, in the form of probe.sh.')
param calls string

// A probe that was left behind is found by the names, and by this tag. A subnet has no tags.
var tags = { 'restricted-calls-probe': run }

// A container group in a virtual network needs a NAT gateway for outbound connections. Calls to App Service do not pass through it:
// they use the service endpoint.
// https://learn.microsoft.com/azure/container-instances/container-instances-virtual-network-concepts
resource address 'Microsoft.Network/publicIPAddresses@2025-01-01' = {
  name: 'pip-probe-${suffix}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

resource gateway 'Microsoft.Network/natGateways@2025-01-01' = {
  name: 'ng-probe-${suffix}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    publicIpAddresses: [{ id: address.id }]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-01-01' existing = {
  name: 'vnet-${suffix}'

  // With the service endpoint, a call to App Service carries the identity of this subnet. Without it, the call comes from the
  // address of the NAT gateway: App Service refuses it as one from the internet, which says nothing about another subnet.
  resource subnet 'subnets' = {
    name: 'restricted-calls-probe'
    properties: {
      addressPrefix: addressPrefix
      delegations: [
        {
          name: 'container-instances'
          properties: { serviceName: 'Microsoft.ContainerInstance/containerGroups' }
        }
      ]
      serviceEndpoints: [{ service: 'Microsoft.Web' }]
      natGateway: { id: gateway.id }
    }
  }
}

// Holds no role.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-probe-${suffix}'
  location: location
  tags: tags
}

resource group 'Microsoft.ContainerInstance/containerGroups@2025-09-01' = {
  name: 'ci-probe-${suffix}'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    osType: 'Linux'
    restartPolicy: 'Never'
    subnetIds: [{ id: network::subnet.id }]
    // A group in a subnet has a private address and a port, on which nothing listens here.
    ipAddress: {
      type: 'Private'
      ports: [{ protocol: 'TCP', port: 80 }]
    }
    containers: [
      {
        name: 'probe'
        properties: {
          // Has bash, curl and the certificates of Microsoft's authorities:
          // https://github.com/microsoft/azurelinux/blob/3.0/SPECS/core-packages/core-packages.spec
          image: 'mcr.microsoft.com/azurelinux/base/core:3.0'
          command: ['/bin/bash', '-c', loadTextContent('probe.sh')]
          environmentVariables: [
            { name: 'PROBE_RUN', value: run }
            { name: 'PROBE_CALLS', value: calls }
          ]
          // The least that a group may have: https://learn.microsoft.com/azure/container-instances/container-instances-container-groups
          resources: { requests: { cpu: 1, memoryInGB: 1 } }
        }
      }
    ]
  }
}
