// The probe. `verify` replaces the values in braces, and the ids of subscription and resource group, by those of a deployment.
using '../probe.bicep'

param location = '{location}'
param suffix = '{suffix}'
param addressPrefix = '{addressPrefix}'
param run = '{run}'
param calls = '{calls}'
