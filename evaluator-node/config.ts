// The evaluator's configuration.

import { z } from 'zod';
import { daemonShape, millisecondsSchema, pathSchema } from '../shared/daemon/config-pieces.ts';

/** Containers that run a task's own grader. */
const graderSchema = z.strictObject({
  /** The image by id or tag: that of the sandbox, which has python3 and pandas. */
  image: z.string().min(1).default('doubleblind/sandbox-cpu'),
  memoryBytes: z
    .number()
    .int()
    .min(64 * 2 ** 20)
    .default(2 * 2 ** 30),
  cpus: z.number().positive().default(1),
  /** Calls that run at once; others wait. */
  atOnce: z.number().int().min(1).max(64).default(2),
  /** Of one call: the score, and the replicates for its standard error in half of it. */
  timeoutMs: millisecondsSchema.default(60_000),
});

export const configSchema = z.strictObject({
  ...daemonShape('evaluator', 7443),
  /** Threads that read and score submissions; the second one starts when the first is busy. */
  scoringThreads: z.number().int().min(1).max(64).default(2),
  /** Answers leave on multiples of this after a call began; 0 sends them at once. */
  replyTickMs: z.number().int().min(0).max(10_000).default(250),
  grader: graderSchema.prefault({}),
  docker: z.strictObject({ socket: pathSchema.default('/var/run/docker.sock') }).prefault({}),
});

export type EvaluatorConfig = z.output<typeof configSchema>;
