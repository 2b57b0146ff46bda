// Configuration of the llm-gateway. Keys are named by file; nothing in here is a secret itself.

import { z } from 'zod';
import { daemonShape, millisecondsSchema, pathSchema } from '../shared/daemon/config-pieces.ts';

const dollarsPerMillion = z.number().min(0).optional();
const count = z.number().int().min(0).default(0);

const modelSchema = z
  .strictObject({
    name: z.string().min(1).describe('The name as the endpoint knows it, and as runs ask for it.'),
    inputDollarsPerMillion: dollarsPerMillion.describe(
      'Price of tokens read. Without a price, dollars are counted as 0 and no dollar budget stops anything; `doctor --model` says so.',
    ),
    outputDollarsPerMillion: dollarsPerMillion.describe('Price of tokens written.'),
    contextTokens: z.number().int().positive().default(128_000).describe('Longest conversation, answer included.'),
    maxOutputTokens: z
      .number()
      .int()
      .positive()
      .default(8192)
      .describe('Reserved for, and allowed to, a turn under a budget.'),
    seed: z.boolean().default(false).describe('True where the endpoint takes a `seed`.'),
    tools: z
      .boolean()
      .default(true)
      .describe('False for endpoints without tool calls: tools are then told, and calls read, as text.'),
    jsonSchema: z
      .boolean()
      .default(false)
      .describe('True where the endpoint can hold an answer to a JSON Schema (`response_format`).'),
    reasoningEffort: z
      .enum(['', 'minimal', 'low', 'medium', 'high'])
      .default('')
      .describe('Sent with each turn where it is set.'),
  })
  .transform((model) => ({
    ...model,
    inputDollarsPerMillion: model.inputDollarsPerMillion ?? 0,
    outputDollarsPerMillion: model.outputDollarsPerMillion ?? 0,
    priceKnown: model.inputDollarsPerMillion !== undefined && model.outputDollarsPerMillion !== undefined,
  }));

const upstreamName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, { error: 'is not a name in kebab case' });

const openAiSchema = z.strictObject({
  name: upstreamName.describe('Its name in logs, metrics and bills.'),
  kind: z.literal('openai').describe('An endpoint that speaks as OpenAI does.'),
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'is not an http or https URL' })
    .describe('Base of an OpenAI-compatible endpoint, such as `https://llm.example.org/v1`.'),
  keyFile: pathSchema.optional().describe('File with the key; none for endpoints that want none.'),
  models: z.array(modelSchema).min(1, { error: 'names no model' }).describe('What it serves.'),
  concurrency: z.number().int().positive().default(16).describe('Turns at once.'),
  requestsPerMinute: count.describe('0 for no limit of our own.'),
  tokensPerMinute: count.describe('Read and written together; 0 for no limit of our own.'),
  stream: z.boolean().default(true).describe('Whether answers are streamed, so that silence is noticed.'),
  streamUsage: z.boolean().default(true).describe('False for endpoints that refuse `stream_options`.'),
  outputLimitField: z
    .enum(['max_completion_tokens', 'max_tokens'])
    .default('max_completion_tokens')
    .describe('How the endpoint calls the most tokens that a turn may write.'),
  timeoutMs: millisecondsSchema
    .default(300_000)
    .describe('Longest time of a whole turn; the agents wait for ten minutes.'),
  firstByteMs: millisecondsSchema
    .default(60_000)
    .describe('Longest silence before the first byte; more for models that think for minutes without a byte.'),
  chunkMs: millisecondsSchema.default(30_000).describe('Longest silence in the middle of an answer.'),
  record: pathSchema.optional().describe('Where its conversations are recorded, for an upstream of kind cassette.'),
});

const cassetteSchema = z.strictObject({
  name: upstreamName.describe('Its name in logs, metrics and bills.'),
  kind: z.literal('cassette').describe('A recording that is played.'),
  file: pathSchema.describe('A recording that the `record` of another upstream made.'),
  strict: z
    .boolean()
    .default(false)
    .describe(
      'True: only turns that are equal in every byte are answered. False: also the same turn of the same attempt.',
    ),
});

const upstreamSchema = z.discriminatedUnion('kind', [openAiSchema, cassetteSchema]);

function budgetSchema(whose: string) {
  const dollars = z.number().min(0).default(0).describe(`Dollars of ${whose}; 0 for no limit.`);
  return z.strictObject({ dollars, outputTokens: count.describe(`Tokens written for ${whose}; 0 for no limit.`) });
}

export const gatewayConfigSchema = z.strictObject({
  ...daemonShape('llm-gateway', 7444),
  upstreams: z
    .array(upstreamSchema)
    .max(20)
    .default([])
    .refine((upstreams) => new Set(upstreams.map((upstream) => upstream.name)).size === upstreams.length, {
      error: 'two upstreams have the same name',
    })
    .describe(
      'Tried in this order; the first model of the first is the default. Without any, the offline policy answers.',
    ),
  outgoing: z
    .strictObject({
      digestFile: z
        .union([pathSchema, z.literal('')])
        .default('')
        .describe(
          'File with SHA-256 digests of words that no prompt may hold, such as canaries among hidden labels; keys and tokens ' +
            'are cut out of prompts without it.',
        ),
    })
    .prefault({}),
  retry: z
    .strictObject({
      tries: z.number().int().min(1).max(20).default(6).describe('Most tries of one upstream for one turn.'),
      baseMs: millisecondsSchema.default(500).describe('The first pause; each further one may be twice as long.'),
      capMs: millisecondsSchema.default(20_000).describe('The longest pause.'),
      longestRetryAfterMs: millisecondsSchema
        .default(120_000)
        .describe('An endpoint that asks for a longer pause is not waited for; the next upstream is asked.'),
    })
    .prefault({}),
  breaker: z
    .strictObject({
      failures: z.number().int().min(1).default(8).describe('An upstream that fails so often in a row is left alone.'),
      coolDownMs: millisecondsSchema.default(30_000).describe('For so long; then one turn tries it.'),
    })
    .prefault({}),
  /** Limits that hold whatever a run asks for. */
  budgets: z
    .strictObject({
      perRun: budgetSchema('a run').prefault({}),
      // Bounds what a host that was taken over can burn.
      perHost: budgetSchema("a run's attempts on one host").prefault({}),
      perAttempt: budgetSchema('an attempt').prefault({}),
    })
    .prefault({}),
});

export type GatewayConfig = z.output<typeof gatewayConfigSchema>;
