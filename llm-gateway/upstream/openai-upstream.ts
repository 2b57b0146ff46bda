// Any endpoint that speaks OpenAI's chat completions with tools. The only door to the `openai` package.
//
// Owns: translation to and from the wire, tolerance of what endpoints do differently, the kinds of failures.
// Leaves to the gateway: retries (the package's own are off), budgets, concurrency.
//
// Invariants:
// 1. The key is read from its file, goes to the endpoint only, and is cut out of every message that leaves here.
// 2. Nothing is read from OPENAI_* variables: what is not configured is not used.
// 3. An answer of which anything came is billed, however it ended: with the usage that it told, or with an estimate.

import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
import type { Clock } from '../../shared/clock.ts';
import { estimateTokens } from '../core/budget.ts';
import { StreamedCompletion } from './openai-stream.ts';
import { decodeCompletion, encodeRequest, type WireChoices } from './openai-wire.ts';
import { type StallWatch, startStallWatch } from './stall-watch.ts';
import { charactersIn, sentTokens } from './text-size.ts';
import { withTextTools } from './text-tools.ts';
import {
  type Billed,
  nothingBilled,
  type Turn,
  type TurnRequest,
  type Upstream,
  UpstreamFailure,
  type UpstreamFailureKind,
  type UpstreamModel,
} from './upstream.ts';

/** A model with what its endpoint takes. */
export interface OpenAiModel extends Omit<UpstreamModel, 'languageModel'> {
  readonly seed: boolean;
  /** False where tools are told and called as text. */
  readonly tools: boolean;
  readonly jsonSchema: boolean;
  /** Sent where it is not empty: low, medium or high. */
  readonly reasoningEffort: string;
}

export interface OpenAiUpstreamOptions {
  readonly name: string;
  readonly baseUrl: string;
  readonly keyFile?: string | undefined;
  readonly models: readonly OpenAiModel[];
  readonly concurrency: number;
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
  /** Whether to ask for streams; an endpoint that answers whole all the same is understood. */
  readonly stream: boolean;
  /** Whether to ask for usage at the end of a stream; some endpoints refuse the wish. */
  readonly streamUsage: boolean;
  /** The name that the endpoint has for the cap of a turn. */
  readonly outputLimitField: 'max_completion_tokens' | 'max_tokens';
  /** Longest time of a whole turn. */
  readonly timeoutMs: number;
  /** Longest silence before a stream begins, and in the middle of one. */
  readonly firstByteMs: number;
  readonly chunkMs: number;
  readonly clock: Clock;
}

/** Above any answer of a model; more is a malfunction. */
const mostAnswerBytes = 16 * 2 ** 20;

/** An upstream for an OpenAI-compatible endpoint; throws where the key file cannot be read. */
export function createOpenAiUpstream(options: OpenAiUpstreamOptions): Upstream {
  const key = options.keyFile === undefined ? '' : readKey(options.name, options.keyFile);
  const client = new OpenAI({
    // The package insists on a key; endpoints that want none ignore this word.
    apiKey: key === '' ? 'none' : key,
    baseURL: options.baseUrl,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: options.timeoutMs,
    logLevel: 'off',
  });
  const { name, concurrency, requestsPerMinute, tokensPerMinute } = options;
  return {
    ...{ name, concurrency, requestsPerMinute, tokensPerMinute },
    models: options.models.map((model) => ({ ...model, languageModel: true })),
    async complete(request, signal) {
      const watch = startStallWatch(options.clock, options.timeoutMs);
      const model = options.models.find((one) => one.name === request.model);
      const unseenTokens = options.stream ? 0 : request.maxOutputTokens || (model?.maxOutputTokens ?? 0);
      try {
        const asked = model?.tools === false ? withTextTools(request) : request;
        const body = encodeRequest(asked, { ...options, ...choicesOf(model) });
        watch.expect('first byte', options.stream ? options.firstByteMs : options.timeoutMs);
        const response = await client.chat.completions
          .create(body, { signal: AbortSignal.any([signal, watch.signal]) })
          .asResponse();
        return await readTurn(response, request, { ...options, watch, unseenTokens });
      } catch (error) {
        signal.throwIfAborted();
        const late = { inputTokens: sentTokens(request), outputTokens: unseenTokens };
        throw toFailure(error, { name, key, stalled: watch.stalled, late });
      } finally {
        watch.stop();
      }
    },
  };
}

function choicesOf(model: OpenAiModel | undefined): Pick<WireChoices, 'seed' | 'jsonSchema' | 'reasoningEffort'> {
  const { seed = false, jsonSchema = false, reasoningEffort = '' } = model ?? {};
  return { seed, jsonSchema, reasoningEffort };
}

interface Reading {
  readonly name: string;
  readonly chunkMs: number;
  readonly watch: StallWatch;
  /**
   * What may have been written without a sign of it when the time is up: of a whole answer all that was allowed, which is what was
   * reserved for it; of a stream nothing, because it shows its first piece as soon as that is there.
   */
  readonly unseenTokens: number;
}

/** The turn of an answer, whole or streamed, whatever was asked for. */
async function readTurn(response: Response, request: TurnRequest, reading: Reading): Promise<Turn> {
  const { name } = reading;
  if (!(response.headers.get('content-type') ?? '').includes('text/event-stream')) {
    let text = '';
    try {
      for await (const piece of pieces(response, reading)) text += piece;
    } catch (error) {
      // Blanks keep a connection alive while the answer is written.
      throw cutOff(error, billedFor(request, undefined, charactersIn(text.trim())), reading);
    }
    return toTurn(text, request, name);
  }
  const streamed = new StreamedCompletion();
  let broken: unknown;
  try {
    for await (const line of lines(pieces(response, reading))) {
      streamed.takeLine(line);
      if (streamed.ended) break;
    }
  } catch (error) {
    broken = error;
  }
  const { characters } = streamed;
  if (streamed.complete || streamed.hasWholeCall) return toTurn(streamed.completion(), request, name, characters);
  const { usage } = decodeCompletion(streamed.completion(), 0);
  throw cutOff(broken, billedFor(request, usage, characters), reading);
}

/** An estimate errs on the dear side, but no more can have been written than was asked for, which is what was reserved. */
function writtenTokens({ maxOutputTokens }: TurnRequest, characters: number): number {
  const estimate = estimateTokens(characters);
  return maxOutputTokens > 0 ? Math.min(estimate, maxOutputTokens) : estimate;
}

/** What is to be paid for an answer that is no use; the usage that a piece in the middle told may be too little by now. */
function billedFor(request: TurnRequest, usage: Billed | undefined, characters: number): Billed {
  return {
    inputTokens: usage?.inputTokens ?? sentTokens(request),
    outputTokens: Math.max(usage?.outputTokens ?? 0, writtenTokens(request, characters)),
  };
}

function cutOff(broken: unknown, billed: Billed, { name, watch, unseenTokens }: Reading): UpstreamFailure {
  if (watch.stalled !== '') {
    const late = { ...billed, outputTokens: Math.max(billed.outputTokens, unseenTokens) };
    return new UpstreamFailure('timeout', `upstream ${name} stopped in mid-answer: ${watch.stalled}`, { billed: late });
  }
  if (broken instanceof UpstreamFailure) return new UpstreamFailure(broken.kind, broken.message, { billed });
  const why = broken instanceof Error ? `: ${causeOf(broken)}` : '';
  return new UpstreamFailure('connection', `upstream ${name} cut the answer off${why}`, { billed });
}

async function* pieces(response: Response, { name, chunkMs, watch }: Reading): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let bytes = 0;
  watch.expect('next piece', chunkMs);
  for await (const piece of response.body ?? []) {
    watch.expect('next piece', chunkMs);
    bytes += piece.byteLength;
    if (bytes > mostAnswerBytes) {
      throw new UpstreamFailure('malformed', `upstream ${name} sent more than ${mostAnswerBytes} bytes for one turn`);
    }
    yield decoder.decode(piece, { stream: true });
  }
}

/** Each piece is searched once: a line may be as long as an answer, and come in as many pieces. */
async function* lines(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let begun = '';
  let half = '';
  for await (const text of texts) {
    const parts = (half + text).split(/\r\n|\n|\r(?!$)/);
    const last = parts.pop() ?? '';
    for (const part of parts) {
      yield begun + part;
      begun = '';
    }
    // A \r at its end may be one half of \r\n.
    half = last.endsWith('\r') ? '\r' : '';
    begun += half === '' ? last : last.slice(0, -1);
  }
  if (begun !== '') yield begun;
}

function readKey(name: string, file: string): string {
  let key: string;
  try {
    key = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Error(`cannot read the key of upstream ${name} from ${file}`, { cause: error });
  }
  if (key === '' || /\s/.test(key)) {
    throw new Error(`the key file ${file} of upstream ${name} should hold the key alone, on one line`);
  }
  return key;
}

/** `streamed` is how many characters came in pieces, of which a completion does not keep all. */
function toTurn(completion: unknown, request: TurnRequest, name: string, streamed = 0): Turn {
  const decoded = decodeCompletion(completion, request.messages.length);
  const { usage } = decoded;
  const characters = Math.max(decoded.characters, streamed);
  if (decoded.kind === 'answered') {
    return {
      message: decoded.message,
      inputTokens: usage?.inputTokens ?? sentTokens(request),
      outputTokens: usage?.outputTokens ?? writtenTokens(request, characters),
      finishReason: decoded.finishReason,
      model: request.model,
    };
  }
  // An endpoint that only says what is wrong charges nothing.
  const isBilled = usage !== undefined || characters > 0;
  const billed = isBilled ? billedFor(request, usage, characters) : nothingBilled;
  if (decoded.kind === 'error') {
    const what = `upstream ${name} answered 200 with an error: ${decoded.message}`;
    throw new UpstreamFailure(decoded.failure, what, { billed });
  }
  throw new UpstreamFailure('malformed', `upstream ${name} answered without a choice`, { billed: usage ?? billed });
}

/** What an endpoint did not answer to. */
interface Unanswered {
  readonly name: string;
  readonly key: string;
  readonly stalled: string;
  /** What may be charged where the time is up: the request was sent, or connecting to the endpoint would have failed before. */
  readonly late: Billed;
}

function toFailure(error: unknown, { name, key, stalled, late }: Unanswered): UpstreamFailure {
  if (error instanceof UpstreamFailure) {
    const { retryAfterMs: waitMs, billed } = error;
    return new UpstreamFailure(error.kind, withoutKey(error.message, key), { retryAfterMs: waitMs, billed });
  }
  if (stalled !== '') {
    return new UpstreamFailure('timeout', `upstream ${name} did not answer: ${stalled}`, { billed: late });
  }
  const said = withoutKey(error instanceof Error ? error.message : String(error), key).slice(0, 500);
  // The cause is left out on purpose: the package's errors carry headers and bodies.
  const fail = (kind: UpstreamFailureKind, what: string, retryAfterMs = 0, billed = nothingBilled): UpstreamFailure =>
    new UpstreamFailure(kind, `upstream ${name} ${what}`, { retryAfterMs, billed });
  if (error instanceof OpenAI.APIConnectionTimeoutError) {
    return new UpstreamFailure('timeout', `upstream ${name} did not answer in time`, { billed: late });
  }
  if (error instanceof OpenAI.APIConnectionError) {
    const billed = hasHungUp(error) ? late : nothingBilled;
    return fail('connection', `could not be reached or hung up: ${causeOf(error)}`, 0, billed);
  }
  if (!(error instanceof OpenAI.APIError) || typeof error.status !== 'number') {
    return fail('malformed', `sent something that is not a completion: ${said}`);
  }
  const wait = retryAfterMs(error.headers);
  switch (error.status) {
    case 401:
    case 403:
      return fail('unauthorised', `refused the key (${error.status}): check the key file. It said: ${said}`);
    case 404:
      return fail(
        'unauthorised',
        `does not know the model or the path (404): check baseUrl and models. It said: ${said}`,
      );
    case 408:
      return fail('timeout', 'gave up on the request (408)', wait);
    case 409:
    case 429:
      return fail(isQuota(error) ? 'unauthorised' : 'rateLimited', `limits the rate (${error.status}): ${said}`, wait);
    default:
      if (error.status >= 500) {
        const billed = proxyTimeouts.has(error.status) ? late : nothingBilled;
        return fail('overloaded', `failed (${error.status}): ${said}`, wait, billed);
      }
      return fail(isTooLong(said) ? 'contextTooLong' : 'refused', `refused the request (${error.status}): ${said}`);
  }
}

/** A proxy says that the endpoint behind it took too long; that may have read all, and write on. 524 is Cloudflare's. */
const proxyTimeouts: ReadonlySet<number> = new Set([504, 524]);

/** True where the connection was there and ended: the request may have been read by then, as where the time is up. */
function hasHungUp(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code = '' } = error as NodeJS.ErrnoException;
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(code) || hasHungUp(error.cause);
}

/** A quota that is used up answers 429 too, and waiting does not help. */
function isQuota(error: InstanceType<typeof OpenAI.APIError>): boolean {
  return error.code === 'insufficient_quota';
}

function isTooLong(text: string): boolean {
  return /context.{0,20}(length|window)|maximum.{0,20}tokens|too (long|many tokens)/i.test(text);
}

function causeOf(error: Error): string {
  const { cause } = error;
  return cause instanceof Error ? cause.message : error.message;
}

/** Retry-After in seconds or as a date, or the precise header that some endpoints send. */
function retryAfterMs(headers: Headers | undefined): number {
  const precise = Number(headers?.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(precise) && precise >= 0) return precise;
  const text = headers?.get('retry-after') ?? '';
  if (text === '') return 0;
  const seconds = Number(text);
  const waitMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : 0;
}

function withoutKey(text: string, key: string): string {
  return key === '' ? text : text.replaceAll(key, '(key)');
}
