// Requests from the wire → the agent's own words, or INVALID_ARGUMENT with what is wrong with which field.

import { z } from 'zod';
import { attemptId, digest, isDigest, isId, runId, slotId } from '../../shared/core/ids.ts';
import { readRequest } from '../../shared/rpc/read-request.ts';
import { failureReasonFromWire, operatorFromWire } from '../../shared/rpc/vocabulary-wire.ts';
import type { AttemptOrder, OrderedParent } from '../attempt-order.ts';
import type { BriefNote } from '../core/brief.ts';

const id = z.string().refine(isId, { error: 'is not an id (letters, digits, - and _, at most 128)' });
const digestText = z.string().refine(isDigest, { error: 'is not a SHA-256 digest in lower-case hex' });
const count = z.number().int().nonnegative();
const positive = z.number().positive();
const positiveCount = z.number().int().positive();
const operator = z.string().transform((name, context) => {
  const known = operatorFromWire(name);
  if (known !== undefined) return known;
  context.addIssue({ code: 'custom', message: 'is not an operator' });
  return z.NEVER;
});

const attempt = z.object({
  runId: id.transform(runId),
  attemptId: id.transform(attemptId),
  epoch: positiveCount,
});

const task = z.object({
  name: z.string().min(1),
  version: z.string(),
  title: z.string(),
  metric: z.string().min(1),
  lowerIsBetter: z.boolean(),
  idColumn: z.string().min(1),
  predictionColumns: z.array(z.string()).min(1),
  targetColumn: z.string().min(1),
  targetColumns: z.array(z.string()),
  predictionKind: z.string(),
  bundleDigest: digestText.transform(digest),
  description: z.string(),
  sandboxImage: z.union([z.literal(''), z.string().regex(/^sha256:[0-9a-f]{64}$/)], {
    error: 'is not an image by digest (sha256:…)',
  }),
  trainRows: count,
  testRows: count,
});

const parent = z
  .object({
    candidateId: id,
    solutionDigest: digestText.transform(digest),
    logDigest: z.union([z.literal(''), digestText]),
    score: z.string().max(200),
    runSeconds: z.number().nonnegative(),
    note: z.string().max(16_384),
    failureReason: z.string(),
    failureMessage: z.string().max(16_384),
    operator,
  })
  .transform(({ logDigest, failureReason: reason, failureMessage, ...rest }): OrderedParent => {
    const failureReason = failureReasonFromWire(reason);
    return {
      ...rest,
      ...(logDigest === '' ? {} : { logDigest: digest(logDigest) }),
      ...(failureReason === undefined ? {} : { failureReason, failureMessage }),
    };
  });

const note = z
  .object({
    candidateId: z.string(),
    score: z.string(),
    text: z.string(),
    generation: count.default(0),
    operator: z.string().default(''),
    runSeconds: z.number().nonnegative().default(0),
  })
  .transform(({ operator: name, ...rest }): BriefNote => {
    const known = operatorFromWire(name);
    return known === undefined ? rest : { ...rest, operator: known };
  });

const limits = z.object({
  executionSeconds: positive,
  toolSeconds: positive,
  trajectorySeconds: positive,
  turns: positiveCount,
  memoryBytes: positiveCount,
  cpus: positive,
  diskBytes: positiveCount,
  pids: positiveCount,
  tokens: count,
});

/** More sketches than this are no sketches. */
const mostSketches = 16;

/** How many parents each operator has. */
const parentCounts = { draft: 0, mutate: 1, crossover: 2, repair: 1, refit: 1 } as const;

export const startSchema = z
  .object({
    attempt,
    slotId: id.transform(slotId),
    leaseTtlMs: positiveCount,
    operator,
    task,
    parents: z.array(parent).max(2),
    notes: z.array(note).max(1000),
    limits,
    seed: count,
    gatewayToken: z.string(),
    model: z.string(),
    guidance: z.string().max(65_536),
    guidanceAdded: count.default(0),
    draftNumber: count.default(0),
    siblingNumber: count.default(0),
    answerIsStart: z.boolean().default(false),
    runSeed: count.default(0),
    rankBeforeRun: count.max(mostSketches).default(0),
    scoreQueries: count.default(0),
  })
  .refine((request) => request.parents.length === parentCounts[request.operator], {
    path: ['parents'],
    error: 'are not as many as the operator takes',
  })
  .transform(({ attempt: name, ...order }): AttemptOrder => ({ ...name, ...order }));

const sequences = z.array(count).max(100_000);

export const cancelSchema = z.object({ attempt, reason: z.string() });
export const renewSchema = z.object({
  attempts: z.array(attempt).max(10_000),
  leaseTtlMs: positiveCount,
  guidance: z
    .array(z.object({ runId: id, added: z.array(z.string().max(65_536)).max(10_000) }))
    .max(10_000)
    .default([]),
  confirmed: sequences.default([]),
});
export const confirmSchema = z.object({ sequences });
export const transcriptSchema = z.object({ attemptId: id, fromEntry: count, follow: z.boolean() });

/** The request in the agent's words; throws INVALID_ARGUMENT. */
export function decode<Schema extends z.ZodType>(schema: Schema, request: unknown): z.output<Schema> {
  return readRequest(schema, request, 'the request is not valid');
}
