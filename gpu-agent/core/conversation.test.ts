import { expect, test } from 'vitest';
import {
  characters,
  compact,
  type Exchange,
  guidanceMessage,
  type Message,
  noCompaction,
  render,
} from './conversation.ts';

const head: Message[] = [
  { role: 'system', content: 'rules' },
  { role: 'user', content: 'brief' },
];

function exchange(index: number, length: number): Exchange {
  const id = `call-${index}`;
  return {
    said: {
      role: 'assistant',
      content: `thought ${index}`,
      toolCalls: [
        { id, name: 'write_file', argumentsJson: JSON.stringify({ path: 'a.py', content: 'x'.repeat(length) }) },
      ],
    },
    answers: [{ role: 'tool', toolCallId: id, content: `${'y'.repeat(length)}\n[exit 0 · 1.00 s]` }],
  };
}

test('a conversation that fits is sent whole', () => {
  const exchanges = [exchange(0, 100), exchange(1, 100)];
  expect(compact(head, exchanges, noCompaction, 10_000)).toEqual(noCompaction);
  expect(render(head, exchanges, noCompaction)).toHaveLength(6);
});

test('old texts are shortened first: thoughts, names, valid arguments and the footer stay', () => {
  const exchanges = Array.from({ length: 12 }, (_, index) => exchange(index, 2000));
  const compaction = compact(head, exchanges, noCompaction, 40_000);
  expect(compaction.dropped).toBe(0);
  const messages = render(head, exchanges, compaction);
  expect(characters(messages)).toBeLessThanOrEqual(40_000);
  const first = messages[2];
  expect(first?.content).toBe('thought 0');
  expect(JSON.parse(first?.toolCalls?.[0]?.argumentsJson ?? '')).toMatchObject({ path: 'a.py' });
  expect(messages[3]?.content).toContain('[exit 0 · 1.00 s]');
  expect(messages.at(-1)?.content).toBe(exchanges.at(-1)?.answers[0]?.content);
});

test('then old exchanges give way to one line each', () => {
  const exchanges = Array.from({ length: 100 }, (_, index) => exchange(index, 2000));
  const compaction = compact(head, exchanges, noCompaction, 30_000);
  expect(compaction.dropped).toBeGreaterThan(0);
  const messages = render(head, exchanges, compaction);
  expect(characters(messages)).toBeLessThanOrEqual(30_000);
  expect(messages.slice(0, 2)).toEqual(head);
  expect(messages[2]?.content).toContain(`${compaction.dropped} earlier exchanges are left out`);
});

test('guidance stays whole where the exchange that it followed gave way to a line', () => {
  const told = [guidanceMessage('try trees '.repeat(100))];
  const exchanges = Array.from({ length: 100 }, (_, index) => exchange(index, 2000));
  exchanges[3] = { ...exchange(3, 2000), told };
  const compaction = compact(head, exchanges, noCompaction, 30_000);
  expect(compaction.dropped).toBeGreaterThan(4);
  expect(render(head, exchanges, compaction)[3]).toEqual(told[0]);
});

test('after a compaction several turns pass before the next one', () => {
  const exchanges = Array.from({ length: 40 }, (_, index) => exchange(index, 2000));
  const first = compact(head, exchanges, noCompaction, 40_000);
  const grown = [...exchanges, exchange(40, 500), exchange(41, 500), exchange(42, 500)];
  expect(compact(head, grown, first, 40_000)).toEqual(first);
});
