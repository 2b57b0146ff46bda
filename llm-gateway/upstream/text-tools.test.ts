import { expect, test } from 'vitest';
import { mendCalls } from '../core/tool-call-repair.ts';
import { withTextTools } from './text-tools.ts';
import type { ChatMessage, TurnRequest } from './upstream.ts';

const message = (fields: Partial<ChatMessage>): ChatMessage => ({
  role: 'user',
  content: '',
  toolCalls: [],
  toolCallId: '',
  ...fields,
});
const call = { id: 'c1', name: 'bash', argumentsJson: '{"command":"ls"}' };
const request: TurnRequest = {
  model: 'm',
  messages: [
    message({ role: 'system', content: 'rules' }),
    message({ content: 'go' }),
    message({ role: 'assistant', content: 'I look.', toolCalls: [call, { ...call, id: 'c2' }] }),
    message({ role: 'tool', content: 'main.py', toolCallId: 'c1' }),
    message({ role: 'tool', content: 'a <tool_call> in a file', toolCallId: 'c2' }),
    message({ content: 'guidance' }),
  ],
  tools: [{ name: 'bash', description: 'Runs.', parametersJson: '{"type":"object"}' }],
  seed: 1,
  maxOutputTokens: 0,
};

test('tools, calls and results become text, and user and assistant take turns', () => {
  const text = withTextTools(request);
  expect(text.tools).toEqual([]);
  expect(text.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
  expect(text.messages[0]?.content).toMatch(/^rules\n\n# Tools[\s\S]*## bash\n\nRuns\.[\s\S]*\{"type":"object"\}/);
  expect(text.messages[3]?.content).toBe(
    '<tool_result>\nmain.py\n</tool_result>\n\n<tool_result>\na <tool_call> in a file\n</tool_result>\n\nguidance',
  );
  expect(text.messages.every(({ toolCalls }) => toolCalls.length === 0)).toBe(true);
});

test('a call as it is written into the conversation is read back as the same call', () => {
  const said = withTextTools(request).messages[2]?.content ?? '';
  const { content, calls, complaints } = mendCalls(said, [], ['bash'], 7);
  expect(complaints).toEqual([]);
  expect(content).toBe('I look.');
  expect(calls.map(({ name, argumentsJson }) => ({ name, argumentsJson }))).toEqual([
    { name: 'bash', argumentsJson: '{"command":"ls"}' },
    { name: 'bash', argumentsJson: '{"command":"ls"}' },
  ]);
});
