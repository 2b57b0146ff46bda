// An upstream for tests: plays answers and failures in order, then repeats the last, and remembers what it was asked.

import type { ChatToolCall, Turn, TurnRequest, Upstream } from '../upstream/upstream.ts';
import { UpstreamFailure } from '../upstream/upstream.ts';

export interface ScriptedUpstream extends Upstream {
  readonly asked: readonly TurnRequest[];
}

/** Its one model `m` costs the same for tokens read and written. */
export function scriptedUpstream(
  name: string,
  plays: readonly (Turn | UpstreamFailure | Promise<Turn>)[],
  fields: { readonly dollarsPerMillion?: number; readonly contextTokens?: number } = {},
): ScriptedUpstream {
  const asked: TurnRequest[] = [];
  const { dollarsPerMillion = 0, contextTokens = 1000 } = fields;
  return {
    name,
    asked,
    models: [
      {
        name: 'm',
        languageModel: true,
        inputDollarsPerMillion: dollarsPerMillion,
        outputDollarsPerMillion: dollarsPerMillion,
        contextTokens,
        maxOutputTokens: 4096,
        priceKnown: true,
      },
    ],
    concurrency: 100,
    requestsPerMinute: 0,
    tokensPerMinute: 0,
    async complete(request) {
      const play = plays[Math.min(asked.length, plays.length - 1)];
      asked.push(request);
      if (play instanceof UpstreamFailure || play === undefined) throw play;
      return play;
    },
  };
}

/** An answer that read 100 tokens. */
export function turn(content: string, outputTokens = 10, toolCalls: readonly ChatToolCall[] = []): Turn {
  return {
    message: { role: 'assistant', content, toolCalls, toolCallId: '' },
    inputTokens: 100,
    outputTokens,
    finishReason: toolCalls.length > 0 ? 'tool_calls' : 'stop',
    model: 'm',
  };
}
