// Thinks through the llm-gateway.
//
// Owns: how long a silent gateway is waited for, and what its refusals mean for an attempt.
// Leaves to the gateway: keys, upstreams, budgets, retries against providers.

import type { CompleteRequest, CompleteResponse, Role } from '../../proto/generated/doubleblind/gateway/v1.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { MessageRole } from '../core/conversation.ts';
import { retrying } from '../retry.ts';
import type { Model, ModelReply, ModelRequest } from './model.ts';

/** The one method of the gateway that an agent calls. */
interface Completer {
  complete(
    request: CompleteRequest,
    options: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<CompleteResponse>;
}

export interface GatewayModelOptions {
  readonly gateway: Completer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** How long an attempt waits for a gateway that does not answer before it gives up. */
  readonly patienceMs: number;
}

/** A reasoning model may think for minutes about one turn; longer is a hung connection. */
const turnDeadlineMs = 600_000;

const roles: Readonly<Record<MessageRole, Role>> = {
  system: 'ROLE_SYSTEM',
  user: 'ROLE_USER',
  assistant: 'ROLE_ASSISTANT',
  tool: 'ROLE_TOOL',
};

export function createGatewayModel(options: GatewayModelOptions): Model {
  return {
    async complete(request, { timeoutMs, signal }) {
      const deadlineMs = Math.max(1, Math.min(turnDeadlineMs, timeoutMs));
      try {
        const response = await retrying(() => options.gateway.complete(encode(request), { deadlineMs, signal }), {
          clock: options.clock,
          signal,
          random: options.random,
          baseMs: 250,
          capMs: 15_000,
          patienceMs: Math.min(options.patienceMs, timeoutMs),
          mayHelp,
          onRetry: (error, retry) =>
            options.log.warn(
              { error, retry, requestId: request.requestId },
              'the gateway did not answer; trying again',
            ),
        });
        return decode(response);
      } catch (error) {
        signal.throwIfAborted();
        // A fault of this host, so that the attempt is tried on another one: no model was asked.
        if (hasEnded(error)) throw new Error('the gateway takes no calls of this host', { cause: error });
        return failureOf(error);
      }
    },
  };
}

/** What says that the gateway or its upstream is away, not that it refuses. */
function mayHelp(error: unknown): boolean {
  if (!(error instanceof RpcFault)) return false;
  // A new pair is taken within seconds of being put in place.
  if (hasEnded(error)) return true;
  if (error.code === 'resourceExhausted') return !isBudget(error);
  return ['unavailable', 'deadlineExceeded', 'aborted', 'internal', 'unknown'].includes(error.code);
}

/** This host's certificate. */
function hasEnded(error: unknown): boolean {
  return error instanceof RpcFault && error.reason === 'certificateEnded';
}

function isBudget(error: RpcFault): boolean {
  return /budget|spent|account/i.test(error.reason ?? '');
}

function failureOf(error: unknown): ModelReply {
  if (error instanceof RpcFault && error.code === 'resourceExhausted' && isBudget(error)) {
    return {
      kind: 'failed',
      reason: 'gaveUp',
      message: `The attempt used up its budget at the gateway: ${error.message}`,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RpcFault && error.reason === 'contextTooLong') return { kind: 'tooLong', message };
  return { kind: 'failed', reason: 'modelUnavailable', message: `No model answered: ${message}` };
}

function encode(request: ModelRequest): CompleteRequest {
  return {
    token: request.token,
    requestId: request.requestId,
    model: request.model,
    seed: request.seed,
    maxOutputTokens: 0,
    answerSchemaJson: request.answerSchemaJson ?? '',
    tools: request.tools.map((tool) => ({ ...tool })),
    messages: request.messages.map((message) => ({
      role: roles[message.role],
      content: message.content,
      toolCalls: (message.toolCalls ?? []).map((call) => ({ ...call })),
      toolCallId: message.toolCallId ?? '',
    })),
  };
}

function decode(response: CompleteResponse): ModelReply {
  return {
    kind: 'answered',
    content: response.message?.content ?? '',
    toolCalls: (response.message?.toolCalls ?? []).map(({ id, name, argumentsJson }) => ({ id, name, argumentsJson })),
    inputTokens: response.inputTokens,
    outputTokens: response.outputTokens,
    dollars: response.dollars,
    upstream: response.upstream,
    model: response.model,
    finishReason: response.finishReason,
  };
}
