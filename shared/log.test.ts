import { expect, test } from 'vitest';
import { createLogger, messageChain } from './log.ts';

function capture(journald: boolean): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  return { lines, log: createLogger({ name: 'coordinator', level: 'info', journald, destination }) };
}

test('a line is one JSON event with its fields, level and time', () => {
  const { lines, log } = capture(false);
  log.child({ run: 'r1' }).info({ attempt: 'a1' }, 'attempt planned');
  log.debug({}, 'not written');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'info',
    name: 'coordinator',
    run: 'r1',
    attempt: 'a1',
    message: 'attempt planned',
    time: expect.stringMatching(/^\d{4}-/),
  });
});

test('an error is written with its causes', () => {
  const { lines, log } = capture(false);
  log.error({ error: new Error('cannot store', { cause: new Error('disk full') }) }, 'artifact lost');
  expect(JSON.parse(lines[0] ?? '').error.message).toBe('cannot store: disk full');
  expect(messageChain('plain text')).toBe('plain text');
});

test('under journald each line starts with its priority', () => {
  const { lines, log } = capture(true);
  log.info({ text: '"level":"error"' }, 'x');
  log.warn({}, 'x');
  log.error({}, 'x');
  expect(lines.map((line) => line.slice(0, 4))).toEqual(['<6>{', '<4>{', '<3>{']);
});
