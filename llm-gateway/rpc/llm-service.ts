// LlmService on the wire: decode, call the gateway, encode. No rule lives here.

import { z } from 'zod';
import type { AttemptRef } from '../../proto/generated/doubleblind/common/v1.ts';
import type { CompleteRequest, Message, Role } from '../../proto/generated/doubleblind/gateway/v1.ts';
import { isId } from '../../shared/core/ids.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { type Handlers, implement, type RpcServiceDefinition } from '../../shared/rpc/handlers.ts';
import { page } from '../../shared/rpc/page.ts';
import type { CompletionOrder } from '../answer.ts';
import type { AttemptKey, RecordedTurn, SpendRow } from '../book.ts';
import type { Gateway } from '../gateway.ts';
import type { ChatMessage, ChatRole } from '../upstream/upstream.ts';

const name = 'doubleblind.gateway.v1.LlmService';

/** The service with its handlers. */
export function llmService(gateway: Gateway): RpcServiceDefinition {
  return implement<typeof name>(name, llmHandlers(gateway));
}

/** What the service does; the simulator calls it without gRPC. */
export function llmHandlers(gateway: Gateway): Handlers<typeof name> {
  return {
    async openAttempt({ attempt, host, dollars, outputTokens, runDollars, runOutputTokens }) {
      const key = decodeAttempt(attempt);
      if (!isId(host)) throw invalid('host', 'is not a host name');
      if (!(dollars >= 0)) throw invalid('dollars', 'is negative or not a number');
      if (!(runDollars >= 0)) throw invalid('run_dollars', 'is negative or not a number');
      return { token: gateway.openAttempt({ ...key, host, dollars, outputTokens, runDollars, runOutputTokens }) };
    },
    async closeAttempt({ attempt }) {
      return { usage: { ...noUsage, ...gateway.closeAttempt(decodeAttempt(attempt)) } };
    },
    async complete(request, { identity, signal }) {
      return encodeTurn(await gateway.complete(decodeOrder(request), identity.name, signal));
    },
    async getSpend({ runId, ...request }) {
      const key = (row: SpendRow): string => `${row.runId}/${row.attemptId}/${row.model}`;
      const { items, nextPageToken } = page(gateway.spend(runId), key, request);
      return { rows: items, nextPageToken };
    },
    async listModels(request) {
      const models = gateway.offers().map((offer, index) => ({
        name: offer.model,
        upstream: offer.upstream,
        languageModel: offer.languageModel,
        isDefault: index === 0,
        priceKnown: offer.priceKnown,
        inputDollarsPerMillion: offer.inputDollarsPerMillion,
        outputDollarsPerMillion: offer.outputDollarsPerMillion,
        contextTokens: offer.contextTokens,
      }));
      const { items, nextPageToken } = page(models, ({ upstream, name }) => `${upstream}/${name}`, request);
      return { models: items, nextPageToken };
    },
    async checkModel({ model }, { signal }) {
      return { checks: await gateway.check(model, signal) };
    },
  };
}

function decodeAttempt(attempt: AttemptRef | null): AttemptKey {
  if (attempt === null) throw invalid('attempt', 'is missing');
  if (!isId(attempt.runId)) throw invalid('attempt.run_id', 'is not an id');
  if (!isId(attempt.attemptId)) throw invalid('attempt.attempt_id', 'is not an id');
  if (!Number.isSafeInteger(attempt.epoch) || attempt.epoch < 1) throw invalid('attempt.epoch', 'is not at least 1');
  return { runId: attempt.runId, attemptId: attempt.attemptId, epoch: attempt.epoch };
}

const roles: Readonly<Record<Exclude<Role, 'ROLE_UNSPECIFIED'>, ChatRole>> = {
  ROLE_SYSTEM: 'system',
  ROLE_USER: 'user',
  ROLE_ASSISTANT: 'assistant',
  ROLE_TOOL: 'tool',
};

const requestIdSchema = z.string().min(1).max(200);

function decodeOrder(request: CompleteRequest): CompletionOrder {
  if (!requestIdSchema.safeParse(request.requestId).success)
    throw invalid('request_id', 'should have 1 to 200 characters');
  if (request.messages.length === 0) throw invalid('messages', 'is empty');
  return {
    token: request.token,
    requestId: request.requestId,
    model: request.model,
    messages: request.messages.map(decodeMessage),
    tools: request.tools.map((tool, index) => {
      if (!isJsonObject(tool.parametersJson)) throw invalid(`tools[${index}].parameters_json`, 'is not a JSON object');
      return { name: tool.name, description: tool.description, parametersJson: tool.parametersJson };
    }),
    seed: request.seed,
    maxOutputTokens: request.maxOutputTokens,
    ...answerSchema(request.answerSchemaJson),
  };
}

function answerSchema(answerSchemaJson: string): Pick<CompletionOrder, 'answerSchemaJson'> {
  if (answerSchemaJson === '') return {};
  if (!isJsonObject(answerSchemaJson)) throw invalid('answer_schema_json', 'is not a JSON object');
  return { answerSchemaJson };
}

function decodeMessage(message: Message, index: number): ChatMessage {
  if (message.role === 'ROLE_UNSPECIFIED') throw invalid(`messages[${index}].role`, 'is not set');
  return {
    role: roles[message.role],
    content: message.content,
    toolCalls: message.toolCalls.map(({ id, name, argumentsJson }) => ({ id, name, argumentsJson })),
    toolCallId: message.toolCallId,
  };
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function encodeTurn({ turn, upstream, dollars }: RecordedTurn) {
  return {
    message: {
      role: 'ROLE_ASSISTANT' as const,
      content: turn.message.content,
      toolCalls: turn.message.toolCalls,
      toolCallId: '',
    },
    inputTokens: turn.inputTokens,
    outputTokens: turn.outputTokens,
    dollars,
    upstream,
    model: turn.model,
    finishReason: turn.finishReason,
  };
}

function invalid(field: string, description: string): RpcFault {
  return new RpcFault('invalidArgument', `${field} ${description}`, { violations: [{ field, description }] });
}
