// The port to whatever answers a turn of a conversation: a provider's endpoint, or the rule-based offline policy.
//
// Contract: `complete` answers once or rejects with an UpstreamFailure; it does not retry (the gateway does) and it
// charges nothing (the gateway's book does). Aborting the signal ends the call.

/** Who says a message. */
export type ChatRole = 'system' | 'user' | 'assistant' | 'tool';

/** A tool call of the assistant; the arguments are one JSON object as text. */
export interface ChatToolCall {
  readonly id: string;
  readonly name: string;
  readonly argumentsJson: string;
}

/** One message of a conversation. */
export interface ChatMessage {
  readonly role: ChatRole;
  readonly content: string;
  readonly toolCalls: readonly ChatToolCall[];
  /** The call that a tool message answers; empty otherwise. */
  readonly toolCallId: string;
}

/** A tool on offer; the parameters are a JSON Schema as text. */
export interface ChatTool {
  readonly name: string;
  readonly description: string;
  readonly parametersJson: string;
}

/** One turn that is asked for. */
export interface TurnRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ChatTool[];
  readonly seed: number;
  /** Most output tokens; 0 leaves it to the upstream. */
  readonly maxOutputTokens: number;
  /** JSON Schema, as text, that the answer is to follow where the upstream can see to it; left out where it is free. */
  readonly answerSchemaJson?: string;
}

/** Why a turn ended. */
export type FinishReason = 'stop' | 'tool_calls' | 'length';

/** One turn that was answered. Token counts are the upstream's own, or estimated where it gives none. */
export interface Turn {
  readonly message: ChatMessage;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly finishReason: FinishReason;
  /** The model that answered, as the upstream names it. */
  readonly model: string;
}

/** A model of an upstream, with its price. */
export interface UpstreamModel {
  readonly name: string;
  /** False only for the offline policy. */
  readonly languageModel: boolean;
  readonly inputDollarsPerMillion: number;
  readonly outputDollarsPerMillion: number;
  readonly contextTokens: number;
  /** Output tokens to reserve, and to allow, for a turn that states no limit of its own. */
  readonly maxOutputTokens: number;
  /** False where nobody configured a price: then dollars are counted as 0. */
  readonly priceKnown: boolean;
}

/** Something that answers turns. */
export interface Upstream {
  readonly name: string;
  readonly models: readonly UpstreamModel[];
  /** Most calls at the same time. */
  readonly concurrency: number;
  /** Most calls begun within a minute; 0 means no limit. */
  readonly requestsPerMinute: number;
  /** Most tokens read and written within a minute; 0 means no limit. */
  readonly tokensPerMinute: number;
  complete(request: TurnRequest, signal: AbortSignal): Promise<Turn>;
}

/** What kind of failure an upstream met; decides whether a retry makes sense (core/retry.ts). */
export type UpstreamFailureKind =
  | 'rateLimited'
  | 'overloaded'
  | 'timeout'
  | 'connection'
  | 'malformed'
  | 'unauthorised'
  | 'contextTooLong'
  | 'refused';

/** Tokens of an answer that was paid for and cannot be used. */
export interface Billed {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export const nothingBilled: Billed = { inputTokens: 0, outputTokens: 0 };

/** Rejection of `Upstream.complete`. The message names the upstream and never holds a key. */
export class UpstreamFailure extends Error {
  readonly kind: UpstreamFailureKind;
  /** How long the upstream asked us to wait, in milliseconds; 0 where it did not say. */
  readonly retryAfterMs: number;
  /** What the provider charges all the same, such as for a stream that was cut. */
  readonly billed: Billed;

  constructor(kind: UpstreamFailureKind, message: string, options: { retryAfterMs?: number; billed?: Billed } = {}) {
    super(message);
    this.name = 'UpstreamFailure';
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs ?? 0;
    this.billed = options.billed ?? nothingBilled;
  }
}
