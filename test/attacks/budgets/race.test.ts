// Many calls at once at the end of a budget: the gateway's own tests, as they are.

import '../../../llm-gateway/budget-race.test.ts';
