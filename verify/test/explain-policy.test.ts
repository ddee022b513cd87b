/** `explain` agrees with the matrix, for the access policy of this repository. */
import { testAgreement } from "./explain/agreement.ts";

testAgreement();
