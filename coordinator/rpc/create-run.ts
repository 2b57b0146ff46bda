// What a request for a run asks for, checked and with every default filled in.

import { z } from 'zod';
import { defaultPriority } from '../../shared/core/search-defaults.ts';
import type { Operator } from '../../shared/core/vocabulary.ts';
import { operators as allOperators } from '../../shared/core/vocabulary.ts';
import { readRequest } from '../../shared/rpc/read-request.ts';
import { operatorFromWire } from '../../shared/rpc/vocabulary-wire.ts';
import { guidanceOf } from '../core/guidance.ts';
import { defaultOptions, type RunOptions, temperatureBounds } from '../core/options.ts';
import type { Run } from '../core/state.ts';
import type { Limits } from '../core/task.ts';

const refusal = 'the run cannot be created';
const amount = z.number().nonnegative();
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER, { error: 'must be below 2^53' });
const probability = z.number().min(0).max(1).optional();
const operator = z.string().transform((name, context): Operator => {
  const known = operatorFromWire(name);
  if (known !== undefined && known !== 'refit') return known;
  context.issues.push({ code: 'custom', message: 'is not an operator', input: name });
  return z.NEVER;
});

const limitsSchema = z.object({
  executionSeconds: amount,
  toolSeconds: amount,
  trajectorySeconds: amount,
  turns: count,
  memoryBytes: count,
  cpus: amount,
  diskBytes: count,
  pids: count,
  tokens: count,
});

const optionsSchema = z.object({
  candidates: count,
  wallSeconds: amount,
  dollars: amount,
  tokens: count,
  slotHours: amount,
  parallelAttempts: count,
  seed: count,
  model: z.string().max(200),
  temperature: z
    .number()
    .refine((value) => value === 0 || (value >= temperatureBounds.least && value <= temperatureBounds.most), {
      error: `must be 0 (for the default) or from ${temperatureBounds.least} to ${temperatureBounds.most}`,
    }),
  crossoverProbability: probability,
  draftProbability: probability,
  limits: limitsSchema.nullable(),
  guidance: z.string().max(8192),
  finalists: count.max(1000),
  operators: z.array(operator),
  repair: z.boolean().optional(),
  priority: count.max(100).default(0),
  rankBeforeRun: count.max(16).default(0),
  scoreQueries: count.max(1000).default(0),
});

const requestSchema = z.object({
  requestId: z.string().min(1, { error: 'is empty: choose any text that is new for each run' }).max(200),
  task: z.string().min(1, { error: 'is empty: name a task' }).max(200),
  options: optionsSchema.nullable(),
});

/** A checked request. */
export interface RunRequest {
  readonly requestId: string;
  readonly task: string;
  readonly options: RunOptions;
}

/** Reads a request; zero means a default, and a seed of 0 is replaced by `freshSeed`. Throws invalidArgument. */
export function readRunRequest(request: unknown, defaults: Limits, freshSeed: number): RunRequest {
  const { requestId, task, options } = readRequest(requestSchema, request, refusal);
  if (options === null) {
    return { requestId, task, options: { ...defaultOptions, limits: defaults, seed: freshSeed } };
  }
  const { limits, operators, crossoverProbability, draftProbability, repair, ...given } = options;
  return {
    requestId,
    task,
    options: {
      ...given,
      wallSeconds: orDefault(given.wallSeconds, defaultOptions.wallSeconds),
      temperature: orDefault(given.temperature, defaultOptions.temperature),
      finalists: orDefault(given.finalists, defaultOptions.finalists),
      seed: orDefault(given.seed, freshSeed),
      priority: orDefault(given.priority, defaultPriority),
      crossoverProbability: crossoverProbability ?? defaultOptions.crossoverProbability,
      draftProbability: draftProbability ?? defaultOptions.draftProbability,
      operators: operators.length === 0 ? allOperators : operators,
      repair: repair ?? defaultOptions.repair,
      limits: limits === null ? defaults : mergeLimits(limits, defaults),
    },
  };
}

const forkSchema = z.object({
  requestId: z.string().min(1, { error: 'is empty: choose any text that is new for each run' }).max(200),
  top: count,
  options: optionsSchema.nullable(),
});

/** Reads a request to fork a run: what it does not name is as in that run, but for the seed. Throws invalidArgument. */
export function readForkRequest(
  request: unknown,
  origin: Run,
  freshSeed: number,
  most: number,
): { readonly requestId: string; readonly top: number; readonly options: RunOptions } {
  const schema = forkSchema.extend({ top: count.max(most) });
  const { requestId, top, options } = readRequest(schema, request, refusal);
  const before: RunOptions = { ...origin.options, guidance: guidanceOf(origin), seed: freshSeed };
  if (options === null) return { requestId, top, options: before };
  const { limits, operators, ...given } = options;
  const changed = Object.entries(given).filter(([, value]) => value !== undefined && value !== 0 && value !== '');
  return {
    requestId,
    top,
    options: {
      ...before,
      ...Object.fromEntries(changed),
      operators: operators.length === 0 ? before.operators : operators,
      limits: limits === null ? before.limits : mergeLimits(limits, before.limits),
      // A probability of 0 is a wish of its own.
      crossoverProbability: given.crossoverProbability ?? before.crossoverProbability,
      draftProbability: given.draftProbability ?? before.draftProbability,
    },
  };
}

function mergeLimits(given: Limits, defaults: Limits): Limits {
  return {
    executionSeconds: orDefault(given.executionSeconds, defaults.executionSeconds),
    toolSeconds: orDefault(given.toolSeconds, defaults.toolSeconds),
    trajectorySeconds: orDefault(given.trajectorySeconds, defaults.trajectorySeconds),
    turns: orDefault(given.turns, defaults.turns),
    memoryBytes: orDefault(given.memoryBytes, defaults.memoryBytes),
    cpus: orDefault(given.cpus, defaults.cpus),
    diskBytes: orDefault(given.diskBytes, defaults.diskBytes),
    pids: orDefault(given.pids, defaults.pids),
    tokens: orDefault(given.tokens, defaults.tokens),
  };
}

function orDefault(value: number, fallback: number): number {
  return value === 0 ? fallback : value;
}
