/**
 * Runs alone before azd packages and deploys: the launcher installs what is missing, and the hook records when the
 * deployment began, for the check at its end (after-service.ts).
 */
// Ends here where the access policy or the service options have mistakes.
import "../../tools/access-policy.ts";
import { noteStart } from "./deployed-code.ts";

noteStart();
