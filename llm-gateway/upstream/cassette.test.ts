import { appendFileSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scriptedUpstream, turn } from '../testing/scripted-upstream.ts';
import { createCassetteUpstream, recording } from './cassette.ts';
import { createOfflinePolicyUpstream } from './offline-policy/offline-policy-upstream.ts';
import { type ChatMessage, type TurnRequest, UpstreamFailure } from './upstream.ts';

const { signal } = new AbortController();
const newFile = (): string => join(mkdtempSync(join(tmpdir(), 'cassette-')), 'run.jsonl');
const say = (role: ChatMessage['role'], content: string): ChatMessage => ({
  role,
  content,
  toolCalls: [],
  toolCallId: '',
});
const request = (seed: number, ...messages: ChatMessage[]): TurnRequest => ({
  model: 'm',
  messages,
  tools: [],
  seed,
  maxOutputTokens: 0,
});

test('a conversation is played as it was recorded, byte for byte, with models and prices', async () => {
  const file = newFile();
  const calls = [{ id: 'ü', name: 'bash', argumentsJson: '{ "command" : "ls"  }' }];
  const upstream = scriptedUpstream('a', [turn('one'), turn('twö\n', 3, calls)], { dollarsPerMillion: 7 });
  const recorder = recording(upstream, file);
  const asked = [
    request(1, say('user', 'go')),
    request(1, say('user', 'go'), say('assistant', 'one'), say('user', 'on')),
  ];
  const said: unknown[] = [];
  for (const one of asked) said.push(await recorder.complete(one, signal));
  const cassette = createCassetteUpstream({ name: 'tape', file, strict: true });
  const played: unknown[] = [];
  for (const one of asked) played.push(await cassette.complete(one, signal));
  expect(JSON.stringify(played)).toBe(JSON.stringify(said));
  expect(cassette.models).toEqual(upstream.models);
  expect(statSync(file).mode & 0o077).toBe(0);
  expect(readFileSync(file, 'utf8')).not.toContain('"go"');
});

test('the same question asked again gets the next answer that it got then, and at the end the last one', async () => {
  const file = newFile();
  const recorder = recording(scriptedUpstream('a', [turn('one'), turn('two')]), file);
  const one = request(1, say('user', 'go'));
  for (let count = 0; count < 2; count += 1) await recorder.complete(one, signal);
  const cassette = createCassetteUpstream({ name: 'tape', file, strict: true });
  const said: string[] = [];
  for (let count = 0; count < 3; count += 1) said.push((await cassette.complete(one, signal)).message.content);
  expect(said).toEqual(['one', 'two', 'two']);
});

test('where times differ, the turn of the attempt with the same seed is played, unless it is strict', async () => {
  const file = newFile();
  const recorder = recording(scriptedUpstream('a', [turn('one'), turn('two')]), file);
  await recorder.complete(request(1, say('user', 'took 0.31 s')), signal);
  await recorder.complete(request(2, say('user', 'took 0.32 s')), signal);
  const other = request(2, say('user', 'took 0.33 s'));
  const cassette = createCassetteUpstream({ name: 'tape', file, strict: false });
  expect((await cassette.complete(other, signal)).message.content).toBe('two');
  await expect(cassette.complete(request(3, say('user', 'x')), signal)).rejects.toMatchObject({ kind: 'refused' });
  const strict = createCassetteUpstream({ name: 'tape', file, strict: true });
  await expect(strict.complete(other, signal)).rejects.toThrow('turn 0 of the attempt with seed 2');
});

test('the offline policy can be recorded like any other; the cassette says that it is no language model', async () => {
  const file = newFile();
  await recording(createOfflinePolicyUpstream(), file).complete(request(1, say('user', 'go')), signal);
  expect(createCassetteUpstream({ name: 'tape', file, strict: true }).models[0]?.languageModel).toBe(false);
});

test('a torn last line is left out, and what is no cassette is refused with its path', async () => {
  const file = newFile();
  const one = request(1, say('user', 'go'));
  await recording(scriptedUpstream('a', [turn('one')]), file).complete(one, signal);
  appendFileSync(file, '{"digest":"torn');
  const cassette = createCassetteUpstream({ name: 'tape', file, strict: true });
  expect((await cassette.complete(one, signal)).message.content).toBe('one');
  writeFileSync(file, '{}\n');
  expect(() => createCassetteUpstream({ name: 'tape', file, strict: true })).toThrow(file);
});

test('an answer that was found by its question is not played a second time for its turn', async () => {
  const file = newFile();
  const recorder = recording(scriptedUpstream('a', [turn('broken'), turn('mended'), turn('next')]), file);
  const mending = request(1, say('user', 'go'), say('assistant', 'broken'), say('user', 'not JSON'));
  await recorder.complete(request(1, say('user', 'go')), signal);
  await recorder.complete(mending, signal);
  await recorder.complete(
    request(1, say('user', 'go'), say('assistant', 'mended'), say('user', 'took 0.31 s')),
    signal,
  );
  const cassette = createCassetteUpstream({ name: 'tape', file, strict: false });
  const later = request(1, say('user', 'go'), say('assistant', 'mended'), say('user', 'took 0.35 s'));
  const said: string[] = [];
  for (const one of [request(1, say('user', 'go')), mending, later]) {
    said.push((await cassette.complete(one, signal)).message.content);
  }
  expect(said).toEqual(['broken', 'mended', 'next']);
});

test('that a conversation was too long is played as well, since the agent went on with a shorter one', async () => {
  const file = newFile();
  const failures = [new UpstreamFailure('contextTooLong', 'too long'), new UpstreamFailure('overloaded', 'busy')];
  const recorder = recording(scriptedUpstream('a', [...failures, turn('short')]), file);
  const [long, short] = [request(1, say('user', 'x'.repeat(50))), request(1, say('user', 'x'))];
  await expect(recorder.complete(long, signal)).rejects.toThrow('too long');
  await expect(recorder.complete(short, signal)).rejects.toThrow('busy');
  await recorder.complete(short, signal);
  const cassette = createCassetteUpstream({ name: 'tape', file, strict: false });
  await expect(cassette.complete(long, signal)).rejects.toMatchObject({ kind: 'contextTooLong' });
  expect((await cassette.complete(short, signal)).message.content).toBe('short');
});
