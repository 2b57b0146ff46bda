// Tokens, forged and foreign requests, headers and paths: the tests of the dashboard's guard, as they are.

import '../../../coordinator/dashboard/guard.test.ts';
