export { ClientAssertionCredential, ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
