// The gpu-agent's configuration: /etc/doubleblind/gpu-agent.yaml, DOUBLEBLIND_* and flags.

import { z } from 'zod';
import { isId } from '../shared/core/ids.ts';
import {
  daemonShape,
  hostPortSchema,
  millisecondsSchema,
  natsSchema,
  pathSchema,
  peerSchema,
} from '../shared/daemon/config-pieces.ts';

const count = z.number().int().positive();

const slotsSchema = z.strictObject({
  cpu: z
    .union([z.number().int().nonnegative(), z.literal('auto')], { error: 'is neither a number of slots nor auto' })
    .default('auto')
    .describe('How many CPU slots a host without GPUs offers; `auto` is one per processor.'),
  trajectoriesPerSlot: count
    .max(64)
    .default(2)
    .describe('Attempts that share a slot: while one thinks, the other may use the GPU.'),
});

const sandboxSchema = z.strictObject({
  proxySocket: pathSchema
    .default('/run/doubleblind-sandbox-proxy/sandbox.sock')
    .describe("Where the sandbox proxy listens, which has the Docker engine's socket, the image and the limits."),
  environment: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .default({})
    .describe('Extra environment of everything in a sandbox, such as OPENBLAS_CORETYPE. Never a secret.'),
});

export const configSchema = z.strictObject({
  ...daemonShape('gpu-agent', 7442),
  host: z
    .union([z.string().refine(isId, { error: 'is not a host name (letters, digits, - and _)' }), z.literal('')])
    .default('')
    .describe("The host's name; the name in its certificate where left out, and never another one."),
  advertise: z
    .union([hostPortSchema, z.literal('')])
    .default('')
    .describe('Where the coordinator reaches this agent; `listen` where left out.'),
  nats: natsSchema,
  coordinator: peerSchema('coordinator'),
  gateway: peerSchema('llm-gateway'),
  slots: slotsSchema.prefault({}),
  sandbox: sandboxSchema.prefault({}),
  model: z
    .strictObject({
      patienceMs: millisecondsSchema
        .default(300_000)
        .describe('How long an attempt waits for a gateway that does not answer.'),
      contextCharacters: count
        .min(20_000)
        .default(240_000)
        .describe('Longest conversation that is sent; about four characters are a token.'),
    })
    .prefault({}),
  cache: z
    .strictObject({
      maxBytes: count.default(4 * 2 ** 30).describe('Artifacts kept on this host, least recently used first to go.'),
    })
    .prefault({}),
  stopPatienceMs: millisecondsSchema
    .default(5000)
    .describe(
      'How long a stopping agent waits for what runs to end and be confirmed; then it leaves the rest to the next daemon.',
    ),
  heartbeatMs: millisecondsSchema.default(1000).describe('Time between two heartbeats.'),
});

export type GpuAgentConfig = z.output<typeof configSchema>;
