import fc from 'fast-check';
import { expect, test } from 'vitest';
import { activity, modelOf, parseEntry, passages } from './transcript.ts';

const answered = JSON.stringify({
  kind: 'modelAnswered',
  elapsedSeconds: 3,
  turn: 2,
  content: 'The classes are balanced. I try a forest.',
  toolCalls: [{ id: 'x', name: 'python', argumentsJson: '{"code":"print(1)","timeout_seconds":30}' }],
  model: 'offline-policy',
  seconds: 0.01,
});

test('an answer of the model is told as a thought and its actions', () => {
  const entry = parseEntry(answered);
  expect(passages(entry)).toEqual([
    { role: 'thought', headline: 'turn 2 · offline-policy · 0.0 s', body: 'The classes are balanced. I try a forest.' },
    { role: 'action', headline: 'python timeout_seconds=30', body: 'print(1)' },
  ]);
  expect(activity(entry)).toBe('python: The classes are balanced');
  expect(modelOf(entry)).toBe('offline-policy');
});

test('a clean-slate run that crashed is told as trouble with the end of its log', () => {
  const json = JSON.stringify({ kind: 'executed', end: 'crash', wallSeconds: 2, logTail: 'ValueError: x\n' });
  expect(passages(parseEntry(json))).toEqual([
    { role: 'trouble', headline: 'clean-slate run: crash after 2.0 s', body: 'ValueError: x' },
  ]);
});

test('an entry of a later version is shown by its kind', () => {
  expect(passages(parseEntry('{"kind":"somethingNew","message":"hello"}'))).toEqual([
    { role: 'system', headline: 'something new', body: 'hello' },
  ]);
});

test('an entry of which only the beginning is told is told as trouble, with what there is', () => {
  const json = JSON.stringify({ kind: 'cutShort', message: 'This entry has 9 bytes. It begins so:\n{"kind"' });
  const body = 'This entry has 9 bytes. It begins so:\n{"kind"';
  expect(passages(parseEntry(json))).toEqual([{ role: 'trouble', headline: 'cut short', body }]);
});

test('any text is accepted', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const entry = parseEntry(text);
      passages(entry);
      activity(entry);
      modelOf(entry);
    }),
  );
  const kinds = ['begun', 'modelAnswered', 'toolEnded', 'executed', 'concluded', 'planned'];
  fc.assert(
    fc.property(fc.constantFrom(...kinds), fc.dictionary(fc.string(), fc.jsonValue()), (kind, members) => {
      const entry = parseEntry(JSON.stringify({ ...members, toolCalls: members, messages: [null, 1, members], kind }));
      passages(entry);
      activity(entry);
    }),
  );
});
