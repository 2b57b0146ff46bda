import { expect, test } from 'vitest';
import { KnownDaemon } from './known-daemon.ts';

const [a, b] = [
  { address: 'a:1', bootId: 'first' },
  { address: 'b:1', bootId: 'second' },
];

/** Of a lease of 10 s, heard at 0 for the first time. */
function known(): KnownDaemon {
  const daemon = new KnownDaemon('a:1', 10_000, 0);
  expect(daemon.hear(a, 0, false)).toBe('same');
  return daemon;
}

test('while a daemon beats, another one under its name is a stranger for ever, whatever fails', () => {
  const daemon = known();
  for (let ms = 500; ms < 60_000; ms += 1000) {
    expect(daemon.hear(b, ms, true)).toBe('stranger');
    expect(daemon.hear(a, ms + 500, true)).toBe('same');
    expect(daemon.rival(ms + 500)).toBe('b:1');
  }
  expect(daemon.address).toBe('a:1');
  // Once the other one is switched off there is nothing to tell.
  expect(daemon.rival(70_000)).toBeUndefined();
});

test('a daemon of which the bus says nothing stays where it is while it answers', () => {
  const daemon = known();
  for (let ms = 1000; ms < 60_000; ms += 1000) {
    if (ms % 4000 === 0) daemon.answered('first', ms);
    expect(daemon.hear(b, ms, false)).toBe('stranger');
  }
  expect(daemon.rival(60_000)).toBe('b:1');
});

test('one that was started again at another port moves within some seconds, sooner where the old port does not answer', () => {
  const silent = known();
  expect(silent.hear(b, 4999, false)).toBe('stranger');
  expect(silent.rival(4999)).toBeUndefined();
  expect(silent.hear(b, 5000, false)).toBe('moved');
  expect(silent.address).toBe('b:1');
  const gone = known();
  expect(gone.hear(b, 1400, true)).toBe('stranger');
  expect(gone.hear(b, 1500, true)).toBe('moved');
  // A journal knows the address only: after a start of the coordinator it is the same.
  const journaled = new KnownDaemon('a:1', 10_000, 0);
  expect(journaled.hear(b, 1400, true)).toBe('stranger');
  expect(journaled.hear(b, 1500, true)).toBe('moved');
});

test('one that is started again where it was, or goes by another address as the same boot, is at once what it was', () => {
  const daemon = known();
  expect(daemon.hear({ ...a, bootId: 'later' }, 1000, false)).toBe('same');
  expect(daemon.hear({ address: 'b:1', bootId: 'later' }, 2000, false)).toBe('moved');
  // It advertises another name of the machine since its restart, and still answers at the old one.
  expect(daemon.hear({ address: 'c:1', bootId: 'third' }, 3000, false)).toBe('stranger');
  daemon.answered('third', 3100);
  expect(daemon.rival(3100)).toBeUndefined();
  expect(daemon.hear({ address: 'c:1', bootId: 'third' }, 4000, false)).toBe('moved');
});

test('where both were alive the other one gets the place only when the host would be lost', () => {
  const daemon = known();
  daemon.hear(b, 500, false);
  daemon.hear(a, 1000, false);
  expect(daemon.hear(b, 7000, true)).toBe('stranger');
  expect(daemon.hear(b, 12_900, true)).toBe('stranger');
  expect(daemon.hear(b, 13_000, true)).toBe('moved');
  expect(daemon.rival(13_000)).toBeUndefined();
});
