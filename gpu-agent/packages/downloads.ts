// Downloads that several may wait for: each goes on once, few at a time, and none for nobody.
//
// Invariants: 1. at most `most` run; 2. one that nobody waits for any more is aborted, or does not begin; 3. what waits in
// line has at most one place for each key.

import { newLimiter } from '../../shared/limiter.ts';
import { unlessAborted } from '../../shared/unless-aborted.ts';

export interface Downloads {
  /** Resolves once the download of that key is done, begun by this caller or another; rejects as soon as `signal` is aborted. */
  join(key: string, download: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>;
}

interface Going {
  waiting: number;
  runs: boolean;
  readonly stop: AbortController;
  readonly done: PromiseWithResolvers<void>;
}

export function newDownloads(most: number): Downloads {
  const limiter = newLimiter(most);
  const all = new Map<string, Going>();
  const forget = (key: string, going: Going): void => {
    if (all.get(key) === going) all.delete(key);
  };
  const begin = (key: string, download: (signal: AbortSignal) => Promise<void>): Going => {
    const going: Going = { waiting: 0, runs: false, stop: new AbortController(), done: Promise.withResolvers() };
    all.set(key, going);
    const run = async (): Promise<void> => {
      try {
        if (going.waiting === 0) return;
        going.runs = true;
        await download(going.stop.signal);
      } finally {
        going.runs = false;
        forget(key, going);
      }
    };
    // Not in this very call, in which nobody waits yet.
    queueMicrotask(() => limiter.run(run).then(going.done.resolve, going.done.reject));
    // Nobody may be left to be told.
    going.done.promise.catch(() => {});
    return going;
  };
  return {
    async join(key, download, signal) {
      const going = all.get(key) ?? begin(key, download);
      going.waiting += 1;
      try {
        await unlessAborted(going.done.promise, signal);
      } finally {
        going.waiting -= 1;
        if (going.waiting === 0 && going.runs) {
          forget(key, going);
          going.stop.abort();
        }
      }
    },
  };
}
