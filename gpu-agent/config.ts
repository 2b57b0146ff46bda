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
  /** How many CPU slots a host without GPUs offers; `auto` is one per processor. */
  cpu: z
    .union([z.number().int().nonnegative(), z.literal('auto')], { error: 'is neither a number of slots nor auto' })
    .default('auto'),
  /** Attempts that share a slot: while one thinks, the other may use the GPU (blueprint §4). */
  trajectoriesPerSlot: count.max(64).default(2),
});

const sandboxSchema = z.strictObject({
  /** The image by digest or tag; made by deploy/docker. */
  image: z.string().min(1).default('doubleblind/sandbox-cpu'),
  /** Extra environment of everything in a sandbox, such as OPENBLAS_CORETYPE. Never a secret. */
  environment: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).default({}),
});

export const configSchema = z.strictObject({
  ...daemonShape('gpu-agent', 7442),
  /** The host's name; the name in its certificate where left out, and never another one. */
  host: z
    .union([z.string().refine(isId, { error: 'is not a host name (letters, digits, - and _)' }), z.literal('')])
    .default(''),
  /** Where the coordinator reaches this agent; `listen` where left out. */
  advertise: z.union([hostPortSchema, z.literal('')]).default(''),
  nats: natsSchema,
  coordinator: peerSchema,
  gateway: peerSchema,
  slots: slotsSchema.prefault({}),
  sandbox: sandboxSchema.prefault({}),
  docker: z.strictObject({ socket: pathSchema.default('/var/run/docker.sock') }).prefault({}),
  model: z
    .strictObject({
      /** How long an attempt waits for a gateway that does not answer. */
      patienceMs: millisecondsSchema.default(300_000),
      /** Longest conversation that is sent; about four characters are a token. */
      contextCharacters: count.min(20_000).default(240_000),
    })
    .prefault({}),
  cache: z
    .strictObject({
      /** Artifacts kept on this host, least recently used first to go. */
      maxBytes: count.default(4 * 2 ** 30),
    })
    .prefault({}),
  heartbeatMs: millisecondsSchema.default(1000),
});

export type GpuAgentConfig = z.output<typeof configSchema>;
