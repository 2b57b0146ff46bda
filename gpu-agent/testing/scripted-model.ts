// A model for tests: answers from a script, one entry a turn, and remembers what it was asked.

import type { ToolCall } from '../core/conversation.ts';
import type { Model, ModelReply, ModelRequest } from '../model/model.ts';

/** One answer: calls as [name, arguments], a text without a call, or anything else computed from the request. */
export type ScriptedTurn = ToolCall[] | string | ((request: ModelRequest) => Promise<ModelReply> | ModelReply);

export interface ScriptedModel extends Model {
  readonly requests: readonly ModelRequest[];
}

/** A call as a script writes it. */
export function scriptedCall(name: string, args: object): ToolCall[] {
  return [{ id: '', name, argumentsJson: JSON.stringify(args) }];
}

/** Past the end of the script it says that it has nothing to say. */
export function scriptedModel(script: readonly ScriptedTurn[]): ScriptedModel {
  const requests: ModelRequest[] = [];
  return {
    requests,
    async complete(request, { signal }) {
      signal.throwIfAborted();
      requests.push(request);
      const turn = Math.floor(Number(request.requestId.split(':').at(-1)));
      const entry = script[turn] ?? 'I have nothing to say.';
      if (typeof entry === 'function') return await entry(request);
      return answer(typeof entry === 'string' ? entry : '', typeof entry === 'string' ? [] : entry);
    },
  };
}

/** An answer with plausible figures. */
export function answer(content: string, toolCalls: readonly ToolCall[]): ModelReply {
  return {
    kind: 'answered',
    content,
    toolCalls,
    inputTokens: 100,
    outputTokens: 10,
    dollars: 0,
    upstream: 'script',
    model: 'script',
    finishReason: toolCalls.length > 0 ? 'tool_calls' : 'stop',
  };
}
