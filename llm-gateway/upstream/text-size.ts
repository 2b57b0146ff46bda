// How much an upstream has read or written where it does not tell, or has not told yet: every text of it, since each is paid for.

import { estimateTokens } from '../core/budget.ts';
import type { ChatMessage, TurnRequest } from './upstream.ts';

/** What is not ASCII has about a token and a half a character where English prose has one for four, so it counts as five. */
const othersCountAs = 5;

/** Characters of texts, as `estimateTokens` takes them. */
export function charactersIn(...texts: readonly string[]): number {
  let sum = 0;
  for (const text of texts) {
    sum += text.length;
    for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) sum += othersCountAs - 1;
  }
  return sum;
}

/** Characters of a request, as `estimateTokens` takes them. */
export function charactersOf({ messages, tools, answerSchemaJson = '' }: TurnRequest): number {
  const ofTools = tools.flatMap(({ name, description, parametersJson }) => [name, description, parametersJson]);
  return charactersIn(answerSchemaJson, ...ofTools, ...messages.flatMap(textsOf));
}

/** Tokens of a request's messages and tools, for endpoints that do not tell. */
export function sentTokens(request: TurnRequest): number {
  return estimateTokens(charactersOf(request));
}

function textsOf({ content, toolCalls, toolCallId }: ChatMessage): string[] {
  return [content, toolCallId, ...toolCalls.flatMap(({ id, name, argumentsJson }) => [id, name, argumentsJson])];
}
