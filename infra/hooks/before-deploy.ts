/**
 * Runs alone before azd packages and deploys: the launcher installs what is missing, and the start of the deployment is noted
 * for the look at its end (after-service.ts).
 */
// Ends here where the access policy or the service options have mistakes.
import "../../tools/access-policy.ts";
import { noteStart } from "./deployment-start.ts";

noteStart();
