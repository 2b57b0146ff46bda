// The evaluator's configuration.

import { z } from 'zod';
import { daemonShape, millisecondsSchema, pathSchema } from '../shared/daemon/config-pieces.ts';

/** Containers that run a task's own grader. */
const graderSchema = z.strictObject({
  image: z
    .string()
    .min(1)
    .default('doubleblind/sandbox-cpu')
    .describe('The image by id or tag: that of the sandbox, which has python3 and pandas.'),
  memoryBytes: z
    .number()
    .int()
    .min(64 * 2 ** 20)
    .default(2 * 2 ** 30)
    .describe('Memory of a call.'),
  cpus: z.number().positive().default(1).describe('Processors of a call.'),
  atOnce: z.number().int().min(1).max(64).default(2).describe('Calls that run at once; others wait.'),
  timeoutMs: millisecondsSchema
    .default(60_000)
    .describe('Of one call: the score, and the replicates for its standard error in half of it.'),
});

const keyPathSchema = (rows: string, credential: string) =>
  z
    .union([pathSchema, z.literal('')])
    .default('')
    .describe(
      `File with the private key of the labels of ${rows}; empty for systemd's credential ${credential}, and where there ` +
        'is none for a file below keys/ in the state directory, which is made.',
    );

const labelKeysSchema = z.strictObject({
  search: keyPathSchema('the search rows', 'labels-search.key'),
  validation: keyPathSchema(
    'validation and official test rows, which only the process that judges a seal reads',
    'labels-validation.key',
  ),
});

export const configSchema = z.strictObject({
  ...daemonShape('evaluator', 7443),
  scoringThreads: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(2)
    .describe('Threads that read and score submissions; the second one starts when the first is busy.'),
  replyTickMs: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(250)
    .describe('Answers leave on multiples of this after a call began; 0 sends them at once.'),
  labelKeys: labelKeysSchema.prefault({}),
  grader: graderSchema.prefault({}),
  judge: z
    .strictObject({
      timeoutMs: millisecondsSchema
        .max(86_400_000)
        .default(540_000)
        .describe(
          'Of the process that judges a seal: one that takes longer is ended, and the coordinator asks again. It waits for ten minutes.',
        ),
    })
    .prefault({}),
  docker: z
    .strictObject({ socket: pathSchema.default('/var/run/docker.sock').describe('Socket of the Docker engine.') })
    .prefault({}),
});

export type EvaluatorConfig = z.output<typeof configSchema>;
