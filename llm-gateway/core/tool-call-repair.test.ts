import { expect, test } from 'vitest';
import { mendCalls } from './tool-call-repair.ts';

const call = (argumentsJson: string, name = 'bash') => ({ id: 'c', name, argumentsJson });
const tools = ['bash', 'submit'];

test.each([
  ['a code fence', '```json\n{"command":"ls"}\n```', '{"command":"ls"}'],
  ['JSON inside JSON', '"{\\"command\\":\\"ls\\"}"', '{"command":"ls"}'],
  ['text after the object', '{"command":"echo \\"}\\""}</function>', '{"command":"echo \\"}\\""}'],
  ['nothing', '', '{}'],
])('arguments with %s are mended without asking', (_, given, mended) => {
  expect(mendCalls('', [call(given)], tools, 1)).toEqual({ content: '', calls: [call(mended)], complaints: [] });
});

test('calls that a server left in the text are found', () => {
  const said = 'Let me look.\n<tool_call>\n{"name": "bash", "arguments": {"command": "ls"}}\n</tool_call>';
  expect(mendCalls(said, [], tools, 3)).toEqual({
    content: 'Let me look.',
    calls: [{ id: 'call_3_0', name: 'bash', argumentsJson: '{"command":"ls"}' }],
    complaints: [],
  });
  expect(mendCalls(said, [], [], 3).calls).toEqual([]);
});

test.each([
  ['cut arguments', call('{"command":"l'), /not one complete JSON object/],
  ['a list as arguments', call('[1]'), /not one complete JSON object/],
  ['a tool that does not exist', call('{}', 'browser'), /no tool "browser"; there are: bash, submit/],
])('%s are told to the model, and the sound calls beside them are to be made again', (_, broken, words) => {
  const { complaints } = mendCalls('', [broken, { ...call('{}'), id: 'd' }], tools, 1);
  expect(complaints.map((complaint) => complaint.callId)).toEqual(['c', 'd']);
  expect(complaints[0]?.text).toMatch(words);
  expect(complaints[1]?.text).toContain('Make it again');
});
