// The credentials of an app registration, loaded on demand.

export { ClientAssertionCredential, ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
