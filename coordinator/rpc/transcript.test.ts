import { expect, test } from 'vitest';
import { digest } from '../../shared/core/ids.ts';
import { attemptOf, createRun, end, joinHost, newMachine, scored } from '../core/machine.test-support.ts';
import { mostEntryBytes, watchTranscript } from './transcript.ts';

/** The entries that a scored attempt's stored transcript comes to, read in pieces of this size. */
async function entriesOf(stored: Buffer, { from = 0, chunkBytes = 65_536 } = {}): Promise<[number, string][]> {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine);
  const attempt = attemptOf(machine, 1);
  end(machine, attempt);
  scored(machine, attempt, 0.5);
  attempt.artifacts = { ...attempt.artifacts, transcript: digest('0'.repeat(64)) };
  const sources = {
    actor: { state: machine.state, nextCommit: () => new Promise<void>(() => undefined) },
    fleet: { watchTranscript: () => expect.unreachable('its host is not asked any more') },
    artifacts: {
      async *stream() {
        for (let at = 0; at < stored.length; at += chunkBytes) yield stored.subarray(at, at + chunkBytes);
      },
    },
  };
  const entries: [number, string][] = [];
  for await (const { entry, json } of watchTranscript(sources, attempt.id, from, true, new AbortController().signal)) {
    entries.push([entry, json]);
  }
  return entries;
}

test('a stored transcript is told line by line, however its bytes come', async () => {
  const stored = Buffer.from('{"a":"é"}\n\n{"b":1}\n{"c":1}');
  const told = [
    [0, '{"a":"é"}'],
    [2, '{"b":1}'],
    [3, '{"c":1}'],
  ];
  for (const chunkBytes of [1, 3, 10, 100]) expect(await entriesOf(stored, { chunkBytes })).toEqual(told);
  expect(await entriesOf(stored, { from: 3 })).toEqual(told.slice(2));
});

test('of a line that no message could hold the beginning is told, with a mark, and the others stay as they are', async () => {
  const whole = `{"x":"${'x'.repeat(mostEntryBytes - 8)}"}`;
  // The first is too long; the second becomes so, because each of its bytes is no UTF-8.
  const long = [
    Buffer.from(`{"kind":"planned","x":"${'x'.repeat(mostEntryBytes)}"}`),
    Buffer.alloc(mostEntryBytes, 255),
  ];
  const lines = [Buffer.from(whole), ...long, Buffer.from('{"b":1}')].flatMap((line) => [line, Buffer.from('\n')]);
  const entries = await entriesOf(Buffer.concat(lines));
  expect(entries.map(([entry]) => entry)).toEqual([0, 1, 2, 3]);
  expect([entries[0]?.[1] === whole, entries[3]?.[1]]).toEqual([true, '{"b":1}']);
  const cut = entries.slice(1, 3).map(([, json]) => JSON.parse(json) as { kind: string; message: string });
  expect(cut.map(({ kind }) => kind)).toEqual(['cutShort', 'cutShort']);
  expect(cut.map(({ message }) => message.split('\n')[0])).toEqual(
    long.map(({ length }) => `This entry has ${length} bytes. It begins so:`),
  );
  expect(cut[0]?.message).toContain('\n{"kind":"planned"');
  for (const [, json] of entries) expect(Buffer.byteLength(json)).toBeLessThanOrEqual(mostEntryBytes);
});
