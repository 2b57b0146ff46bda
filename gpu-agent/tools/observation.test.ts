import { expect, test } from 'vitest';
import type { SessionReply } from '../sandbox/sandbox.ts';
import { observationOf, plainObservation } from './observation.ts';
import { offeredTools } from './schemas.ts';

const reply: SessionReply = {
  exitStatus: 0,
  output: 'fine\n',
  outputCharacters: 5,
  truncated: false,
  wallSeconds: 1.2351,
  peakMemoryBytes: 182_000_000,
  timedOut: false,
  outOfMemory: false,
  sessionRestarted: false,
};
const remaining = { turns: 27, seconds: 412 };

test('an observation ends with exit status, time, peak memory and what remains', () => {
  expect(observationOf(reply, remaining, 60)).toBe(
    'fine\n[exit 0 · 1.24 s · peak 182 MB · remaining: 27 turns, 412 s]',
  );
});

test('what was cut says so, and where the rest is', () => {
  const cut = { ...reply, truncated: true, outputCharacters: 53_211, fullOutputPath: '/work/.observations/12.txt' };
  expect(observationOf(cut, remaining, 60)).toContain(
    'truncated: true (showing first 6000 and last 2000 of 53211 characters; full text: /work/.observations/12.txt)',
  );
});

test('time-out, lack of memory and a restarted session are told in words', () => {
  const ended = { ...reply, exitStatus: null, timedOut: true, outOfMemory: true, sessionRestarted: true };
  const text = observationOf(ended, { turns: 1, seconds: 3 }, 60, true);
  for (const words of ['run again', 'timed out', 'out of memory', 'session restarted', 'submit now', '[ended']) {
    expect(text).toContain(words);
  }
});

test('a long text of our own is cut as well', () => {
  const text = plainObservation('x'.repeat(20_000), 0, remaining);
  expect(text.length).toBeLessThan(9000);
  expect(text).toContain('of 20000 characters)');
});

test('the tools are offered as JSON Schema with required parameters and nothing else', () => {
  const tools = offeredTools({ scores: false });
  expect(tools.map((tool) => tool.name)).toEqual([
    'bash',
    'python',
    'read_file',
    'write_file',
    'edit_file',
    'inspect',
    'submit',
  ]);
  expect(JSON.parse(tools[5]?.parametersJson ?? '')).toMatchObject({
    type: 'object',
    required: ['parent', 'what'],
    additionalProperties: false,
    properties: { parent: { enum: ['A', 'B'] }, what: { enum: ['code', 'log', 'note', 'files'] } },
  });
});

test('the tool for scores is on offer only where the run has some, before the one that ends the work', () => {
  const names = offeredTools({ scores: true }).map((tool) => tool.name);
  expect(names.slice(-2)).toEqual(['score', 'submit']);
  expect(names.filter((name) => name !== 'score')).toEqual(offeredTools({ scores: false }).map((tool) => tool.name));
});
