// The providers behind the gateway: two that serve one model at different prices. They answer the two turns that an attempt of
// these worlds has, now and then wrongly, late or not at all, and keep their own account of what each attempt is to pay.

import { estimateTokens, priceOf } from '../../llm-gateway/core/budget.ts';
import { charactersOf } from '../../llm-gateway/upstream/text-size.ts';
import {
  type Billed,
  type ChatToolCall,
  nothingBilled,
  type Turn,
  type TurnRequest,
  type Upstream,
  UpstreamFailure,
  type UpstreamModel,
} from '../../llm-gateway/upstream/upstream.ts';
import { nextFloat, nextInt, type Rng, seedRng } from '../../shared/core/rng.ts';
import { scoreQueries } from './evaluator-task.ts';
import type { SimProcess } from './process.ts';

const modelName = 'sim';

const dollarsPerMillion = { near: 6, far: 12 } as const;
type ProviderName = keyof typeof dollarsPerMillion;
const mostOutputTokens = 1000;
/** How often a turn fails on a good day, and how often an answer's tool calls cannot be read. */
const [failureShare, malformedShare] = [0.04, 0.1];

/** What an attempt says of itself in its first message. */
export interface Conversation {
  readonly runId: string;
  readonly attemptId: string;
}

export interface ProviderOptions {
  readonly seed: number;
  /** Told of the run of every turn that is to be paid. */
  readonly onBill: (runId: string) => void;
}

export class Provider {
  /** Dollars. */
  readonly billOfRun = new Map<string, number>();
  readonly billOfAttempt = new Map<string, number>();
  /** How often a turn fails while the providers are in trouble; 0 on a good day. */
  trouble = 0;
  turns = 0;
  private readonly rng: Rng;
  private readonly options: ProviderOptions;

  constructor(options: ProviderOptions) {
    this.options = options;
    this.rng = seedRng(`provider ${options.seed}`);
  }

  /** As a gateway process sees them. */
  upstreams(process: SimProcess): Upstream[] {
    return (['near', 'far'] as const).map((name) => ({
      name,
      models: [modelOf(name)],
      concurrency: 4,
      requestsPerMinute: name === 'near' ? 120 : 0,
      tokensPerMinute: 0,
      complete: (request) => this.complete(name, process, request),
    }));
  }

  private async complete(name: ProviderName, process: SimProcess, request: TurnRequest): Promise<Turn> {
    this.turns += 1;
    const said = JSON.parse(request.messages[0]?.content ?? '') as Conversation;
    const most = request.maxOutputTokens > 0 ? request.maxOutputTokens : mostOutputTokens;
    const billed = {
      inputTokens: Math.floor(estimateTokens(charactersOf(request)) * (0.5 + 0.5 * nextFloat(this.rng))),
      outputTokens: 1 + nextInt(this.rng, most),
    };
    const failure = nextFloat(this.rng) < failureShare + this.trouble ? this.failureOf(billed) : undefined;
    this.charge(name, said, failure === undefined ? billed : failure.billed);
    const ms = failure?.kind === 'timeout' ? 8000 : 100 + 1400 * nextFloat(this.rng);
    await new Promise<void>((resolve) => process.clock.after(ms, resolve));
    if (failure !== undefined) throw failure;
    return this.answer(request, billed);
  }

  /** What was read and not answered is not charged; a stream that breaks is charged as far as it came. */
  private failureOf({ inputTokens, outputTokens }: Billed): UpstreamFailure {
    const part = { inputTokens, outputTokens: Math.ceil(outputTokens / 2) };
    const retryAfterMs = nextFloat(this.rng) < 0.1 ? 600_000 : nextInt(this.rng, 3000);
    const failures = [
      new UpstreamFailure('rateLimited', 'too many requests', { retryAfterMs }),
      new UpstreamFailure('overloaded', 'overloaded'),
      new UpstreamFailure('timeout', 'silent for too long'),
      new UpstreamFailure('connection', 'connection refused', { billed: nothingBilled }),
      new UpstreamFailure('connection', 'the stream broke', { billed: part }),
      new UpstreamFailure('malformed', 'no answer can be read from the stream', { billed: part }),
    ];
    return failures[nextInt(this.rng, failures.length)] ?? new UpstreamFailure('overloaded', 'overloaded');
  }

  private charge(name: ProviderName, { runId, attemptId }: Conversation, { inputTokens, outputTokens }: Billed): void {
    const dollars = priceOf(modelOf(name), inputTokens, outputTokens);
    this.billOfRun.set(runId, (this.billOfRun.get(runId) ?? 0) + dollars);
    this.billOfAttempt.set(attemptId, (this.billOfAttempt.get(attemptId) ?? 0) + dollars);
    if (dollars > 0) this.options.onBill(runId);
  }

  private answer({ messages, tools }: TurnRequest, billed: Billed): Turn {
    const calls = messages.some(({ role, toolCalls }) => role === 'assistant' && toolCalls.some(isRead))
      ? [callOf('submit', { idea: 'an idea', changes: 'some', expectation: 'better' }, messages.length)]
      : [
          callOf('bash', { command: 'true' }, messages.length),
          ...looks.filter(() => tools.some((tool) => tool.name === 'score')),
        ];
    const isMalformed = nextFloat(this.rng) < malformedShare;
    const toolCalls = isMalformed ? calls.map((call) => ({ ...call, argumentsJson: '{"command": ' })) : calls;
    const message = { role: 'assistant', content: '', toolCalls, toolCallId: '' } as const;
    return { ...billed, message, finishReason: 'tool_calls', model: modelName };
  }
}

const looks = Array.from({ length: scoreQueries + 1 }, (_, index) => callOf('score', { path: `look-${index}` }, index));

function callOf(name: string, parameters: object, number: number): ChatToolCall {
  return { id: `${name}-${number}`, name, argumentsJson: JSON.stringify(parameters) };
}

/** Whether it was run, not sent back to be mended. */
function isRead({ argumentsJson }: ChatToolCall): boolean {
  return argumentsJson.endsWith('}');
}

function modelOf(name: ProviderName): UpstreamModel {
  return {
    name: modelName,
    languageModel: false,
    inputDollarsPerMillion: dollarsPerMillion[name],
    outputDollarsPerMillion: 3 * dollarsPerMillion[name],
    contextTokens: 100_000,
    maxOutputTokens: mostOutputTokens,
    priceKnown: true,
  };
}
