// Conversations kept in a file, so that a real run becomes a test: `recording` writes them, `createCassetteUpstream` plays
// them. What is played is, byte for byte, what was answered; a cassette is no model and its upstream says so by its kind.
//
// The file: JSON lines. The first holds the models with their prices; each other one a turn: the digest of what was asked,
// the seed of the attempt, the number of the turn within its conversation, and the answer. Prompts are not kept, answers
// are: treat the file like a transcript.
//
// Which answer: the one to a request that is equal in every byte. Where there is none and the cassette is not strict, the
// one to the same turn of the attempt with the same seed: observations hold times, which no two runs share. The same
// question asked again gets the next answer that it got then, and at the end the last one again. Of failures only "the conversation
// is too long" is kept and played: after it the agent goes on with a shorter one. All others were tried again until an answer came.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { requestDigest } from './request-digest.ts';
import { type TurnRequest, type Upstream, UpstreamFailure } from './upstream.ts';

const headerSchema = z.strictObject({
  cassette: z.literal(1),
  models: z.array(
    z.looseObject({
      name: z.string(),
      languageModel: z.boolean(),
      inputDollarsPerMillion: z.number(),
      outputDollarsPerMillion: z.number(),
      contextTokens: z.number(),
      maxOutputTokens: z.number(),
      priceKnown: z.boolean(),
    }),
  ),
});

const entrySchema = z
  .strictObject({
    digest: z.string(),
    seed: z.number(),
    turn: z.number(),
    /** Instead of an answer: why the conversation was refused. */
    tooLong: z.string().optional(),
    answer: z
      .strictObject({
        message: z.strictObject({
          role: z.literal('assistant'),
          content: z.string(),
          toolCalls: z.array(z.strictObject({ id: z.string(), name: z.string(), argumentsJson: z.string() })),
          toolCallId: z.string(),
        }),
        inputTokens: z.number(),
        outputTokens: z.number(),
        finishReason: z.enum(['stop', 'tool_calls', 'length']),
        model: z.string(),
      })
      .optional(),
  })
  .refine(({ answer, tooLong }) => (answer === undefined) !== (tooLong === undefined));

/** The upstream, with every answer written to the file before it is given. */
export function recording(upstream: Upstream, file: string): Upstream {
  if (!existsSync(file)) write(file, { cassette: 1, models: upstream.models });
  return {
    ...upstream,
    async complete(request, signal) {
      const place = { digest: requestDigest(request), ...placeOf(request) };
      try {
        const answer = await upstream.complete(request, signal);
        write(file, { ...place, answer });
        return answer;
      } catch (error) {
        if (error instanceof UpstreamFailure && error.kind === 'contextTooLong') {
          write(file, { ...place, tooLong: error.message });
        }
        throw error;
      }
    },
  };
}

function write(file: string, line: unknown): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`, { mode: 0o600 });
}

/** Where in its attempt a turn stands. */
function placeOf({ seed, messages }: TurnRequest): { readonly seed: number; readonly turn: number } {
  return { seed, turn: messages.filter((message) => message.role === 'assistant').length };
}

/** Plays a recording; throws where the file is none. */
export function createCassetteUpstream(options: {
  readonly name: string;
  readonly file: string;
  readonly strict: boolean;
}): Upstream {
  const { name, file, strict } = options;
  const { models, entries } = readCassette(file);
  const played = new Set<Entry>();
  /** The first that was not played yet, whichever way it was found; at the end the last one again. */
  const next = (kept: readonly Entry[] = []): Entry | undefined => kept.find((one) => !played.has(one)) ?? kept.at(-1);
  return {
    name,
    models,
    // As many as ask: a file has no limits.
    concurrency: 1024,
    requestsPerMinute: 0,
    tokensPerMinute: 0,
    complete(request) {
      const { seed, turn } = placeOf(request);
      const entry =
        next(entries.get(requestDigest(request))) ?? (strict ? undefined : next(entries.get(placeKey(seed, turn))));
      if (entry !== undefined) played.add(entry);
      if (entry?.answer !== undefined) return Promise.resolve(entry.answer);
      if (entry?.tooLong !== undefined) return Promise.reject(new UpstreamFailure('contextTooLong', entry.tooLong));
      const message = `the cassette ${file} holds no answer to turn ${turn} of the attempt with seed ${seed}`;
      return Promise.reject(new UpstreamFailure('refused', message));
    },
  };
}

function placeKey(seed: number, turn: number): string {
  return `${seed} ${turn}`;
}

type Entry = z.infer<typeof entrySchema>;

function readCassette(file: string): { models: Upstream['models']; entries: Map<string, Entry[]> } {
  const entries = new Map<string, Entry[]>();
  const add = (key: string, entry: Entry): void => {
    entries.set(key, [...(entries.get(key) ?? []), entry]);
  };
  try {
    // The last line of a recording that a crash ended may be torn.
    const [first = '', ...rest] = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    const { models } = headerSchema.parse(JSON.parse(first));
    for (const line of rest) {
      const entry = entrySchema.parse(JSON.parse(line));
      add(entry.digest, entry);
      add(placeKey(entry.seed, entry.turn), entry);
    }
    return { models, entries };
  } catch (error) {
    throw new Error(`${file} is not a cassette`, { cause: error });
  }
}
