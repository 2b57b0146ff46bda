// The coordinator's configuration: /etc/doubleblind/coordinator.yaml, DOUBLEBLIND_* and flags.

import { z } from 'zod';
import { limitDefaults } from '../shared/core/search-defaults.ts';
import {
  daemonShape,
  hostPortSchema,
  millisecondsSchema,
  natsSchema,
  pathSchema,
  peerSchema,
} from '../shared/daemon/config-pieces.ts';

const seconds = z.number().positive();
const count = z.number().int().positive();
const quota = z.number().int().nonnegative().default(0);
const bytes = z.number().int().positive();

/** Limits of an attempt where its run states none. */
const limitsSchema = z.strictObject({
  executionSeconds: seconds
    .default(limitDefaults.executionSeconds)
    .describe('One execution of a solution; the paper has 9 h.'),
  toolSeconds: seconds.default(limitDefaults.toolSeconds).describe('One call of a tool.'),
  trajectorySeconds: seconds
    .default(limitDefaults.trajectorySeconds)
    .describe('A whole trajectory: room for the longest execution inside it, and for thinking.'),
  turns: count.default(limitDefaults.turns).describe('Answers of the model.'),
  memoryBytes: bytes.default(limitDefaults.memoryBytes).describe('Memory of a sandbox.'),
  cpus: z.number().positive().default(limitDefaults.cpus).describe('Processors of a sandbox.'),
  diskBytes: bytes.default(2 * 2 ** 30).describe('Disk of a sandbox.'),
  pids: count.default(256).describe('Processes and threads of a sandbox.'),
  tokens: z.number().int().nonnegative().default(0).describe('Output tokens of the model; 0 for no limit.'),
});

const leaseSchema = z.strictObject({
  ttlMs: millisecondsSchema
    .min(500)
    .default(10_000)
    .describe(
      'Term of a lease. Agents stop their work at 0.8 of it without renewal, the coordinator gives it to others at 1.1: ' +
        "with 10 s a lost host's work runs elsewhere within 12 s, and within 16 s where the coordinator has just started itself. " +
        'With hundreds of hosts 30 s leave a coordinator that was killed the time to reach them all (docs/benchmarks.md).',
    ),
});

const dashboardSchema = z.strictObject({
  listen: z
    .union([hostPortSchema, z.literal('')])
    .default('')
    .describe(
      'Where it listens; empty for none. On loopback it serves everybody on this machine, elsewhere over TLS and by token.',
    ),
  tokenFile: z
    .union([pathSchema, z.literal('')])
    .default('')
    .describe('File with the token, of 20 characters or more; needed where it does not listen on loopback.'),
});

export const configSchema = z.strictObject({
  ...daemonShape('coordinator', 7441),
  nats: natsSchema.extend({
    replicas: z
      .union([z.literal(1), z.literal(3), z.literal(5)], { error: 'is none of 1, 3 and 5' })
      .default(1)
      .describe('Servers of the NATS cluster that keep the events.'),
    acceptUnsigned: z
      .boolean()
      .default(false)
      .describe(
        'Takes events that their host has not signed, as agents of 0.1.0 send them. Without it such events wait in their ' +
          'outboxes until those agents are upgraded; nothing is lost.',
      ),
  }),
  evaluator: peerSchema('evaluator'),
  gateway: peerSchema('llm-gateway'),
  dashboard: dashboardSchema,
  lease: leaseSchema,
  limits: limitsSchema,
  quotas: z
    .strictObject({
      parallelAttempts: quota.describe(
        'Attempts that the runs of one owner may have at once, all together; 0 for no limit. Owners are named by the certificates that create runs.',
      ),
      owners: z.record(z.string(), quota).default({}).describe('The same for owners by name.'),
    })
    .prefault({}),
  retention: z
    .strictObject({
      runDays: z.number().nonnegative().default(0).describe('Days after its end that a run is kept; 0 for ever.'),
      artifactHours: z
        .number()
        .positive()
        .default(24)
        .describe('Hours after it was stored that an artifact is kept which no run points to.'),
    })
    .prefault({}),
  maxArtifactBytes: bytes
    .default(2 ** 30)
    .describe(
      'The largest artifact that an agent may store; those of one attempt together have `diskBytes` × (2 + `scoreQueries`) of its run and 256 MiB.',
    ),
});

export type CoordinatorConfig = z.output<typeof configSchema>;
