// The port through which a trajectory thinks. Implementations: GatewayModel and, in tests, ScriptedModel.

import type { Message, ToolCall } from '../core/conversation.ts';
import type { OfferedTool } from '../tools/schemas.ts';

export interface ModelRequest {
  readonly token: string;
  /** A repeat with the same id gets the recorded answer, and costs nothing. */
  readonly requestId: string;
  readonly model: string;
  readonly seed: number;
  readonly messages: readonly Message[];
  readonly tools: readonly OfferedTool[];
  /** JSON Schema that the answer should follow; left out where it is free. */
  readonly answerSchemaJson?: string;
}

export type ModelReply =
  | {
      readonly kind: 'answered';
      readonly content: string;
      readonly toolCalls: readonly ToolCall[];
      readonly inputTokens: number;
      readonly outputTokens: number;
      readonly dollars: number;
      readonly upstream: string;
      readonly model: string;
      readonly finishReason: string;
    }
  | { readonly kind: 'failed'; readonly reason: 'modelUnavailable' | 'gaveUp'; readonly message: string }
  /** The conversation is longer than the model's window. */
  | { readonly kind: 'tooLong'; readonly message: string };

export interface Model {
  /** One turn. Tries again by itself as long as that may help; rejects where the signal aborts, or where this host is at fault. */
  complete(
    request: ModelRequest,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<ModelReply>;
}
