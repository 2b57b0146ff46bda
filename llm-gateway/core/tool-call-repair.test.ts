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

test('of several calls in a text each is found, and what stands around them is left', () => {
  const one = '<tool_call>{"name":"bash","arguments":{"command":"ls"}}</tool_call>';
  const { content, calls } = mendCalls(`a ${one} b ${one} c <tool_call>{"name":"submit"}`, [], tools, 2);
  expect(content).toBe('a  b  c');
  expect(calls.map(({ id, name, argumentsJson }) => [id, name, argumentsJson])).toEqual([
    ['call_2_0', 'bash', '{"command":"ls"}'],
    ['call_2_1', 'bash', '{"command":"ls"}'],
    ['call_2_2', 'submit', '{}'],
  ]);
});

// Where each pair of blanks was tried, 80,000 took ten seconds, and these would take half an hour.
const blanks = ' \n'.repeat(500_000);

test.each([
  ['before what it cuts', `{"name":"bash",${blanks}"argum`, '', `{"name":"bash",${blanks}"argum`],
  ['after it', `{"name":"bash","arguments":{"command":"ls"}}${blanks}`, 'bash', '{"command":"ls"}'],
  ['around it', `${blanks}{"name":"bash","arguments":{"command":"ls"}}${blanks}x`, 'bash', '{"command":"ls"}'],
  ['in place of it', blanks, '', '{}'],
])('a call without an end is read when a million blanks stand %s', (_, body, name, argumentsJson) => {
  const { content, calls } = mendCalls(`${blanks}I look.<tool_call>${body}`, [], tools, 3);
  expect(content).toBe('I look.');
  expect(calls).toEqual([{ id: 'call_3_0', name, argumentsJson }]);
});

test.each([
  ['whole', `${fenced('{"command":"ls"}')}`, '{"command":"ls"}'],
  ['without an end', `\`\`\`json${blanks}{"command":"l`, undefined],
  ['with text after it', `${fenced('{}')}${blanks}x`, undefined],
])('arguments in a fence that is %s, with a million blanks, are mended or told as before', (_, given, mended) => {
  const { calls, complaints } = mendCalls('', [call(given)], tools, 1);
  expect(calls).toEqual([call(mended ?? given)]);
  expect(complaints).toHaveLength(mended === undefined ? 1 : 0);
});

function fenced(text: string): string {
  return `\`\`\`json${blanks}${text}${blanks}\`\`\``;
}

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
