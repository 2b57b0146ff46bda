// The coordinator's configuration: /etc/doubleblind/coordinator.yaml, DOUBLEBLIND_* and flags.

import { z } from 'zod';
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
const bytes = z.number().int().positive();

/** Limits of an attempt where its run states none. */
const limitsSchema = z.strictObject({
  /** The paper's cap of one execution: 9 h. */
  executionSeconds: seconds.default(32_400),
  toolSeconds: seconds.default(1800),
  /** Room for the longest execution inside a trajectory, and for thinking. */
  trajectorySeconds: seconds.default(43_200),
  turns: count.default(60),
  memoryBytes: bytes.default(4 * 2 ** 30),
  cpus: z.number().positive().default(1),
  diskBytes: bytes.default(2 * 2 ** 30),
  pids: count.default(256),
  /** Output tokens of the model; 0 for no limit. */
  tokens: z.number().int().nonnegative().default(0),
});

const leaseSchema = z.strictObject({
  /**
   * Term of a lease. Agents stop their work at 0.8 of it without renewal, the coordinator gives it to others at 1.1: with
   * 10 s a lost host's work runs elsewhere within 12 s.
   */
  ttlMs: millisecondsSchema.min(500).default(10_000),
});

const dashboardSchema = z.strictObject({
  /** Where it listens; empty for none. On loopback it serves everybody on this machine, elsewhere over TLS and by token. */
  listen: z.union([hostPortSchema, z.literal('')]).default(''),
  /** File with the token, of 20 characters or more; needed where it does not listen on loopback. */
  tokenFile: z.union([pathSchema, z.literal('')]).default(''),
});

export const configSchema = z.strictObject({
  ...daemonShape('coordinator', 7441),
  nats: natsSchema.extend({
    /** Servers of a NATS cluster that keep the events; see deploy/nats. */
    replicas: z.union([z.literal(1), z.literal(3), z.literal(5)], { error: 'is none of 1, 3 and 5' }).default(1),
  }),
  evaluator: peerSchema,
  gateway: peerSchema,
  dashboard: dashboardSchema,
  lease: leaseSchema,
  limits: limitsSchema,
  /** The largest artifact that an agent may store. */
  maxArtifactBytes: bytes.default(2 ** 30),
});

export type CoordinatorConfig = z.output<typeof configSchema>;
