// Messages on the wire of chat completions, and back, with patience for endpoints that do it a little differently.
//
// Differences met in practice, each with a test: no usage; tool calls without ids, or with one id for all; arguments as
// an object; an old `function_call`; content as parts or null; no choices; an error in the body of a 200.

import type OpenAI from 'openai';
import { z } from 'zod';
import { charactersIn } from './text-size.ts';
import type { ChatMessage, ChatToolCall, FinishReason, TurnRequest, UpstreamFailureKind } from './upstream.ts';

type Body = OpenAI.ChatCompletionCreateParams;

/** What an endpoint and its model take beyond the conversation. */
export interface WireChoices {
  readonly stream: boolean;
  readonly streamUsage: boolean;
  readonly outputLimitField: 'max_completion_tokens' | 'max_tokens';
  readonly seed: boolean;
  readonly jsonSchema: boolean;
  readonly reasoningEffort: string;
}

/** The request as the endpoint wants it. */
export function encodeRequest(request: TurnRequest, choices: WireChoices): Body {
  return {
    model: request.model,
    messages: request.messages.map(encodeMessage),
    ...(request.tools.length > 0 ? { tools: request.tools.map(encodeTool) } : {}),
    ...(request.maxOutputTokens > 0 ? { [choices.outputLimitField]: request.maxOutputTokens } : {}),
    ...(choices.jsonSchema && request.answerSchemaJson !== undefined ? formatOf(request.answerSchemaJson) : {}),
    ...(choices.seed ? { seed: request.seed % 2 ** 31 } : {}),
    ...(choices.reasoningEffort === ''
      ? {}
      : { reasoning_effort: choices.reasoningEffort as NonNullable<OpenAI.ReasoningEffort> }),
    ...(choices.stream ? { stream: true } : {}),
    ...(choices.stream && choices.streamUsage ? { stream_options: { include_usage: true } } : {}),
  };
}

function formatOf(answerSchemaJson: string): Pick<Body, 'response_format'> {
  const schema = JSON.parse(answerSchemaJson) as Record<string, unknown>;
  return { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } } };
}

function encodeMessage(message: ChatMessage): OpenAI.ChatCompletionMessageParam {
  switch (message.role) {
    case 'system':
    case 'user':
      return { role: message.role, content: message.content };
    case 'tool':
      return { role: 'tool', content: message.content, tool_call_id: message.toolCallId };
    case 'assistant':
      return message.toolCalls.length === 0
        ? { role: 'assistant', content: message.content }
        : {
            role: 'assistant',
            content: message.content === '' ? null : message.content,
            tool_calls: message.toolCalls.map((call) => ({
              id: call.id,
              type: 'function',
              function: { name: call.name, arguments: call.argumentsJson },
            })),
          };
  }
}

function encodeTool(tool: TurnRequest['tools'][number]): OpenAI.ChatCompletionTool {
  const parameters = JSON.parse(tool.parametersJson === '' ? '{}' : tool.parametersJson) as Record<string, unknown>;
  return { type: 'function', function: { name: tool.name, description: tool.description, parameters } };
}

const functionSchema = z.looseObject({
  name: z.string(),
  arguments: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
});

const completionSchema = z.looseObject({
  error: z.unknown().optional(),
  choices: z
    .array(
      z.looseObject({
        finish_reason: z.string().nullish(),
        message: z
          .looseObject({
            content: z.union([z.string(), z.array(z.looseObject({ text: z.string().optional() }))]).nullish(),
            tool_calls: z.array(z.looseObject({ id: z.string().nullish(), function: functionSchema })).nullish(),
            function_call: functionSchema.nullish(),
            refusal: z.string().nullish(),
            reasoning_content: z.unknown().optional(),
            reasoning: z.unknown().optional(),
          })
          .nullish(),
      }),
    )
    .nullish(),
  usage: z.looseObject({ prompt_tokens: z.number().nullish(), completion_tokens: z.number().nullish() }).nullish(),
});

interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What an answer holds; `characters` are all that its model wrote, for an estimate where no usage is told. */
export type Decoded = { readonly usage: Usage | undefined; readonly characters: number } & (
  | { readonly kind: 'empty' }
  | { readonly kind: 'error'; readonly failure: UpstreamFailureKind; readonly message: string }
  | { readonly kind: 'answered'; readonly message: ChatMessage; readonly finishReason: FinishReason }
);

/** Reasoning has one of two names, and where it has both it is the same text; encrypted, it is no text at all. */
export function reasoningCharacters(piece: {
  readonly reasoning_content?: unknown;
  readonly reasoning?: unknown;
}): number {
  const lengthOf = (text: unknown): number => (typeof text === 'string' ? charactersIn(text) : 0);
  return Math.max(lengthOf(piece.reasoning_content), lengthOf(piece.reasoning));
}

/** Reads an answer; `turn` makes ids unique within a conversation where the endpoint gives none. */
export function decodeCompletion(completion: unknown, turn: number): Decoded {
  const parsed = completionSchema.safeParse(typeof completion === 'string' ? parseText(completion) : completion);
  if (!parsed.success) {
    // The beginning of an object is one that was cut; anything else, such as a page of a proxy, no model wrote.
    const isCut = typeof completion === 'string' && completion.trimStart().startsWith('{');
    const characters = isCut ? charactersIn(completion) : 0;
    return { kind: 'error', failure: 'malformed', message: 'it is not a completion', usage: undefined, characters };
  }
  const { error, choices } = parsed.data;
  const usage = decodeUsage(parsed.data.usage);
  const choice = choices?.[0];
  if (error !== undefined && error !== null && choice === undefined) {
    return { ...decodeError(error), usage, characters: 0 };
  }
  const message = choice?.message;
  if (message === undefined || message === null) return { kind: 'empty', usage, characters: 0 };
  const content = textOf(message.content) || (message.refusal ?? '');
  const functions =
    message.tool_calls ?? (message.function_call ? [{ id: null, function: message.function_call }] : []);
  const toolCalls = decodeCalls(functions, turn);
  const written = charactersIn(content, toolCalls.length > 0 ? JSON.stringify(toolCalls) : '');
  const characters = written + reasoningCharacters(message);
  if (content === '' && toolCalls.length === 0) return { kind: 'empty', usage, characters };
  return {
    kind: 'answered',
    message: { role: 'assistant', content, toolCalls, toolCallId: '' },
    finishReason: toolCalls.length > 0 ? 'tool_calls' : choice?.finish_reason === 'length' ? 'length' : 'stop',
    ...{ usage, characters },
  };
}

function decodeUsage(usage: z.output<typeof completionSchema>['usage']): Usage | undefined {
  const { prompt_tokens: input, completion_tokens: output } = usage ?? {};
  return typeof input === 'number' && typeof output === 'number'
    ? { inputTokens: input, outputTokens: output }
    : undefined;
}

interface WireCall {
  readonly id?: string | null | undefined;
  readonly function: z.output<typeof functionSchema>;
}

function decodeCalls(calls: readonly WireCall[], turn: number): ChatToolCall[] {
  const seen = new Set<string>();
  return calls.map((call, index) => {
    const given = call.id ?? '';
    const id = given === '' || seen.has(given) ? `call_${turn}_${index}` : given;
    seen.add(id);
    const { arguments: input } = call.function;
    return { id, name: call.function.name, argumentsJson: argumentsText(input) };
  });
}

function argumentsText(input: unknown): string {
  if (input === undefined || input === null || input === '') return '{}';
  return typeof input === 'string' ? input : JSON.stringify(input);
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: { text?: string }) => part.text ?? '').join('');
}

function decodeError(error: unknown): { kind: 'error'; failure: UpstreamFailureKind; message: string } {
  const { message, code, type } = (typeof error === 'object' && error !== null ? error : { message: error }) as Record<
    string,
    unknown
  >;
  const text = [message, code, type].filter((part) => typeof part === 'string' || typeof part === 'number').join(' · ');
  const limited = /rate|limit|429|quota/i.test(text);
  return { kind: 'error', failure: limited ? 'rateLimited' : 'overloaded', message: text.slice(0, 500) };
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
