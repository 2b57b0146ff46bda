// The offline policy behind the upstream port. It answers at once, costs nothing and says what it is.

import { estimateTokens } from '../../core/budget.ts';
import type { ChatMessage, Upstream } from '../upstream.ts';
import { nextMessage, offlinePolicyName } from './policy.ts';

/** An upstream that serves the single "model" `offline-policy`. */
export function createOfflinePolicyUpstream(): Upstream {
  return {
    name: offlinePolicyName,
    models: [
      {
        name: offlinePolicyName,
        languageModel: false,
        inputDollarsPerMillion: 0,
        outputDollarsPerMillion: 0,
        // It reads the whole conversation every time and has no window of its own.
        contextTokens: 10_000_000,
        maxOutputTokens: 8192,
        priceKnown: true,
      },
    ],
    concurrency: 64,
    requestsPerMinute: 0,
    tokensPerMinute: 0,
    async complete(request) {
      const message = nextMessage(request.messages, request.tools, request.seed);
      return {
        message,
        inputTokens: request.messages.reduce((sum, each) => sum + tokensOf(each), 0),
        outputTokens: tokensOf(message),
        finishReason: message.toolCalls.length > 0 ? 'tool_calls' : 'stop',
        model: offlinePolicyName,
      };
    },
  };
}

function tokensOf(message: ChatMessage): number {
  const calls = message.toolCalls.reduce((sum, call) => sum + call.name.length + call.argumentsJson.length, 0);
  return estimateTokens(message.content.length + calls);
}
