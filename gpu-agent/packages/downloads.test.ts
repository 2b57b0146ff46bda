import { expect, test } from 'vitest';
import { newDownloads } from './downloads.ts';

/** Downloads that end when they are told to, or when they are aborted. */
function scripted() {
  const begun: string[] = [];
  const aborted: string[] = [];
  const ends = new Map<string, () => void>();
  const download = (key: string) => (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      begun.push(key);
      ends.set(key, resolve);
      signal.addEventListener('abort', () => {
        aborted.push(key);
        reject(signal.reason);
      });
    });
  return { begun, aborted, download, end: (key: string) => ends.get(key)?.() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const patient = new AbortController().signal;

test('several who wait for the same have one download, and one that leaves does not end it', async () => {
  const { begun, aborted, download, end } = scripted();
  const downloads = newDownloads(2);
  const leaving = new AbortController();
  const first = downloads.join('a', download('a'), leaving.signal);
  const second = downloads.join('a', download('a'), patient);
  await turn();
  leaving.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  end('a');
  await second;
  expect([begun, aborted]).toEqual([['a'], []]);
});

test('a download that nobody waits for any more is aborted, and its place is free', async () => {
  const { begun, aborted, download, end } = scripted();
  const downloads = newDownloads(1);
  const leaving = new AbortController();
  const first = downloads.join('a', download('a'), leaving.signal);
  const next = downloads.join('b', download('b'), patient);
  await turn();
  expect(begun).toEqual(['a']);
  leaving.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  await turn();
  expect([begun, aborted]).toEqual([['a', 'b'], ['a']]);
  end('b');
  await next;
});

test('a download whose callers all left while it stood in line does not begin, unless one comes back', async () => {
  const { begun, download, end } = scripted();
  const downloads = newDownloads(1);
  const running = downloads.join('a', download('a'), patient);
  const leaving = new AbortController();
  const left = ['b', 'c'].map((key) => downloads.join(key, download(key), leaving.signal));
  await turn();
  leaving.abort(new Error('gone'));
  for (const one of left) await expect(one).rejects.toThrow('gone');
  const back = downloads.join('c', download('c'), patient);
  end('a');
  await running;
  await turn();
  end('c');
  await back;
  expect(begun).toEqual(['a', 'c']);
});

test('a download that fails tells all who wait, and is begun anew for the next', async () => {
  const downloads = newDownloads(1);
  const failing = () => Promise.reject(new Error('no answer'));
  const both = [downloads.join('a', failing, patient), downloads.join('a', failing, patient)];
  for (const one of both) await expect(one).rejects.toThrow('no answer');
  await downloads.join('a', () => Promise.resolve(), patient);
});
