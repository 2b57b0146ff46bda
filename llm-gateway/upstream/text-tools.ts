// Tools for models whose endpoint has none: what they may call is told in the system message, calls are written into the answer,
// and results come back as messages of the user. core/tool-call-repair.ts reads the calls from the text.

import type { ChatMessage, ChatToolCall, TurnRequest } from './upstream.ts';

/** The same turn without tools in the protocol. */
export function withTextTools(request: TurnRequest): TurnRequest {
  const messages: ChatMessage[] = [];
  for (const message of request.messages.map(toText)) {
    const last = messages.at(-1);
    // Several results in a row become one message: some chat templates insist that user and assistant take turns.
    if (last?.role === 'user' && message.role === 'user') {
      messages[messages.length - 1] = { ...last, content: `${last.content}\n\n${message.content}` };
    } else messages.push(message);
  }
  if (request.tools.length === 0) return { ...request, messages };
  const [first] = messages;
  const rules = rulesOf(request);
  if (first?.role === 'system') messages[0] = { ...first, content: `${first.content}\n\n${rules}` };
  else messages.unshift({ role: 'system', content: rules, toolCalls: [], toolCallId: '' });
  return { ...request, messages, tools: [] };
}

function rulesOf({ tools }: TurnRequest): string {
  const list = tools.map(
    ({ name, description, parametersJson }) =>
      `## ${name}\n\n${description}\n\nArguments (JSON Schema): ${parametersJson}`,
  );
  return [
    '# Tools',
    'You call a tool by writing, at the end of your answer, exactly:',
    `${callText({ name: 'NAME', argumentsJson: '{"argument": "value"}' })}`,
    'The arguments are one JSON object: line breaks inside of strings are written as \\n. Then stop: the result comes in the next message, in <tool_result>. Never write a result yourself.',
    ...list,
  ].join('\n\n');
}

function toText(message: ChatMessage): ChatMessage {
  if (message.role === 'tool') {
    return {
      role: 'user',
      content: `<tool_result>\n${message.content}\n</tool_result>`,
      toolCalls: [],
      toolCallId: '',
    };
  }
  if (message.toolCalls.length === 0) return message;
  const calls = message.toolCalls.map(callText).join('\n');
  return { ...message, content: message.content === '' ? calls : `${message.content}\n${calls}`, toolCalls: [] };
}

function callText({ name, argumentsJson }: Pick<ChatToolCall, 'name' | 'argumentsJson'>): string {
  return `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${argumentsJson}}\n</tool_call>`;
}
