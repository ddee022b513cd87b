// The identity of the nightly verification. Reads no environment variable.
using '../reader.bicep'

param subject = 'repo:owner/repository:environment:nightly'
