// The configuration schemas of all daemons. Only this room may know them all: a daemon never imports another one.

import { configSchema as coordinator } from '../../coordinator/config.ts';
import { configSchema as evaluator } from '../../evaluator-node/config.ts';
import { configSchema as gpuAgent } from '../../gpu-agent/config.ts';
import { proxyConfigSchema } from '../../gpu-agent/socket-proxy/config.ts';
import { gatewayConfigSchema } from '../../llm-gateway/config.ts';

export const daemonSchemas = {
  coordinator,
  'gpu-agent': gpuAgent,
  'sandbox-proxy': proxyConfigSchema,
  evaluator,
  'llm-gateway': gatewayConfigSchema,
};
