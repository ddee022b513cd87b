/**
 * Runs alone before azd packages and deploys: the launcher installs the dependencies, and the hook records when the
 * deployment began. after-service.ts needs that time.
 */
// Ends the process if the access policy or the service options have mistakes.
import "../../tools/access-policy.ts";
import { noteStart } from "./deployed-code.ts";

noteStart();
