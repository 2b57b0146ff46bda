// Configuration of the llm-gateway. Keys are named by file; nothing in here is a secret itself.

import { z } from 'zod';
import { daemonShape, millisecondsSchema, pathSchema } from '../shared/daemon/config-pieces.ts';

const dollarsPerMillion = z.number().min(0).optional();
const count = z.number().int().min(0).default(0);

const modelSchema = z
  .strictObject({
    /** The name as the endpoint knows it, and as runs ask for it. */
    name: z.string().min(1),
    /** Without a price, dollars are counted as 0 and no dollar budget stops anything; `doctor --model` says so. */
    inputDollarsPerMillion: dollarsPerMillion,
    outputDollarsPerMillion: dollarsPerMillion,
    contextTokens: z.number().int().positive().default(128_000),
    /** Reserved for, and allowed to, a turn under a budget. */
    maxOutputTokens: z.number().int().positive().default(8192),
    /** True where the endpoint takes a `seed`. */
    seed: z.boolean().default(false),
    /** Sent with each turn where it is set. */
    reasoningEffort: z.enum(['', 'minimal', 'low', 'medium', 'high']).default(''),
  })
  .transform((model) => ({
    ...model,
    inputDollarsPerMillion: model.inputDollarsPerMillion ?? 0,
    outputDollarsPerMillion: model.outputDollarsPerMillion ?? 0,
    priceKnown: model.inputDollarsPerMillion !== undefined && model.outputDollarsPerMillion !== undefined,
  }));

const upstreamName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, { error: 'is not a name in kebab case' });

const openAiSchema = z.strictObject({
  name: upstreamName,
  kind: z.literal('openai'),
  /** Base of an OpenAI-compatible endpoint, such as https://api.openai.com/v1. */
  baseUrl: z.url({ protocol: /^https?$/, error: 'is not an http or https URL' }),
  /** File with the key; none for endpoints that want none. */
  keyFile: pathSchema.optional(),
  models: z.array(modelSchema).min(1, { error: 'names no model' }),
  concurrency: z.number().int().positive().default(16),
  /** 0 for no limit of our own. */
  requestsPerMinute: count,
  /** Read and written together; 0 for no limit of our own. */
  tokensPerMinute: count,
  stream: z.boolean().default(true),
  /** False for endpoints that refuse `stream_options`. */
  streamUsage: z.boolean().default(true),
  outputLimitField: z.enum(['max_completion_tokens', 'max_tokens']).default('max_completion_tokens'),
  /** Longest time of a whole turn; the agents wait for ten minutes. */
  timeoutMs: millisecondsSchema.default(300_000),
  /** Longest silence before the first byte; more for models that think for minutes without a byte. */
  firstByteMs: millisecondsSchema.default(60_000),
  /** Longest silence in the middle of an answer. */
  chunkMs: millisecondsSchema.default(30_000),
  /** Where its conversations are recorded, for an upstream of kind cassette. */
  record: pathSchema.optional(),
});

const cassetteSchema = z.strictObject({
  name: upstreamName,
  kind: z.literal('cassette'),
  /** A recording that the `record` of another upstream made. */
  file: pathSchema,
  /** True: only turns that are equal in every byte are answered. False: also the same turn of the same attempt. */
  strict: z.boolean().default(false),
});

const upstreamSchema = z.discriminatedUnion('kind', [openAiSchema, cassetteSchema]);

const budgetSchema = z.strictObject({ dollars: z.number().min(0).default(0), outputTokens: count }).prefault({});

export const gatewayConfigSchema = z.strictObject({
  ...daemonShape('llm-gateway', 7444),
  /** Tried in this order; the first model of the first is the default. Without any, the offline policy answers. */
  upstreams: z
    .array(upstreamSchema)
    .max(20)
    .default([])
    .refine((upstreams) => new Set(upstreams.map((upstream) => upstream.name)).size === upstreams.length, {
      error: 'two upstreams have the same name',
    }),
  retry: z
    .strictObject({
      /** Most tries of one upstream for one turn. */
      tries: z.number().int().min(1).max(20).default(6),
      baseMs: millisecondsSchema.default(500),
      capMs: millisecondsSchema.default(20_000),
      longestRetryAfterMs: millisecondsSchema.default(120_000),
    })
    .prefault({}),
  /** When an upstream that keeps failing is left alone, and for how long. */
  breaker: z
    .strictObject({
      failures: z.number().int().min(1).default(8),
      coolDownMs: millisecondsSchema.default(30_000),
    })
    .prefault({}),
  /** Limits that hold whatever a run asks for; 0 means none. */
  budgets: z
    .strictObject({
      perRun: budgetSchema,
      /** What the attempts of one run may spend on one host: bounds what a host that was taken over can burn. */
      perHost: budgetSchema,
      perAttempt: budgetSchema,
    })
    .prefault({}),
});

export type GatewayConfig = z.output<typeof gatewayConfigSchema>;
