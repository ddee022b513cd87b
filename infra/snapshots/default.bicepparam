// The defaults. Reads no environment variable, so the snapshot is the same on every machine.
using '../main.bicep'

param environmentName = 'snapshot'
param location = 'westeurope'
param deployerAddressRanges = ['203.0.113.7/32']
