import { expect, test } from 'vitest';
import type { ContainerPipe } from '../../shared/sandbox/container-pipe.ts';
import { ChannelBroken, SessionChannel } from './session-channel.ts';

/** The toolbox's side of a pipe, in the test's hands. */
function stage() {
  const sent: Record<string, unknown>[] = [];
  const hands = { say: (_: string) => {}, end: (_: string) => {}, closed: false };
  const pipe: ContainerPipe = {
    write: (data) => {
      for (const line of data.split('\n').filter((part) => part !== '')) sent.push(JSON.parse(line));
    },
    listen: (onData, onEnd) => {
      hands.say = (text) => onData(Buffer.from(text));
      hands.end = onEnd;
    },
    close: () => {
      hands.closed = true;
    },
  };
  const channel = new SessionChannel(pipe);
  const answer = (fields: Record<string, unknown> = {}) =>
    hands.say(`${JSON.stringify({ id: sent.at(-1)?.['id'], done: true, ...fields })}\n`);
  return { channel, sent, hands, answer };
}

const quick = { timeoutMs: 1000 };
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('calls wait for each other, and answers may come in pieces', async () => {
  const { channel, sent, hands, answer } = stage();
  const first = channel.call('one', {}, quick);
  const second = channel.call('two', {}, quick);
  await settle();
  expect(sent.map(({ op }) => op)).toEqual(['one']);
  const line = `${JSON.stringify({ id: sent[0]?.['id'], done: true, value: 'é' })}\n`;
  for (const byte of Buffer.from(line)) hands.say(Buffer.from([byte]).toString('latin1'));
  await first;
  await settle();
  expect(sent.map(({ op }) => op)).toEqual(['one', 'two']);
  answer({ value: 2 });
  expect(await second).toMatchObject({ value: 2 });
});

test.each([
  ['garbage', '\u0000\u0001 not json\n'],
  ['JSON that is no object', '[1,2]\n'],
  ['an answer to nothing', '{"id":"other","done":true}\n'],
  ['a chunk that is no text', '{"id":"x","chunk":5}\n'],
])('%s breaks the channel for good', async (_, line) => {
  const { channel, hands, answer } = stage();
  const greeting = channel.hello(1000);
  await settle();
  answer();
  await greeting;
  const call = channel.call('one', {}, quick);
  await settle();
  hands.say(line);
  await expect(call).rejects.toThrow(ChannelBroken);
  expect(hands.closed).toBe(true);
  expect(channel.broken).toBe(true);
  await expect(channel.call('two', {}, quick)).rejects.toThrow(ChannelBroken);
});

test('a line without end breaks the channel before it fills the memory', async () => {
  const { channel, hands } = stage();
  const call = channel.call('one', {}, quick);
  await settle();
  const block = 'x'.repeat(8 * 2 ** 20);
  for (let index = 0; index < 7; index += 1) hands.say(block);
  await expect(call).rejects.toThrow(/line without end/);
});

test('what an earlier daemon left unread is passed over, up to the greeting', async () => {
  const { channel, hands, answer } = stage();
  const greeting = channel.hello(1000);
  await settle();
  hands.say('put":"half a line"}\n{"id":"dead-1","done":true}\n');
  answer();
  await greeting;
  expect(channel.broken).toBe(false);
});

test('a connection that ends rejects the call in flight and all later ones', async () => {
  const { channel, hands } = stage();
  const call = channel.call('one', {}, quick);
  await settle();
  hands.end('the engine went away');
  await expect(call).rejects.toThrow(/the engine went away/);
  await expect(channel.call('two', {}, quick)).rejects.toThrow(ChannelBroken);
});

test('a signal asks the toolbox to end the call, whose answer still counts', async () => {
  const { channel, sent, answer } = stage();
  const stop = new AbortController();
  const call = channel.call('one', {}, { ...quick, signal: stop.signal });
  await settle();
  const id = sent[0]?.['id'];
  stop.abort();
  expect(sent.at(-1)).toMatchObject({ op: 'cancel', target: id });
  answer({ id, end: 'cancelled' });
  expect(await call).toMatchObject({ end: 'cancelled' });
});
