// Scoring beside the daemon's event loop, so that a million rows keep no other call waiting.
//
// Owns the scoring threads. Invariants:
// 1. At most `windowBytes` of a submission are on their way to a thread, whatever the sender's speed.
// 2. A thread that dies fails the calls it had; the next one gets a new thread.
// 3. The first idle thread is taken, so that a lone run loads its task's rows once.

import { Worker } from 'node:worker_threads';
import { type Blocks, blockBytes, createBlocks } from './blocks.ts';
import type { Announced, Reading } from './reading.ts';
import type { FromThread, ThreadVault, ToThread } from './scoring-thread.ts';

export interface Scorer {
  /** Reads and scores a submission of a task version. */
  score(version: string, announced: Announced, chunks: AsyncIterable<Uint8Array>): Promise<Reading>;
  close(): Promise<void>;
}

/** Eight blocks: a thread reads one in about two milliseconds, so it never waits for the next. */
const windowBytes = 8 * blockBytes;

type Ended = Extract<FromThread, { kind: 'done' }>;

interface Call {
  unread: number;
  /** Wakes the sender when the thread has read some. */
  wake: () => void;
  readonly done: PromiseWithResolvers<Ended>;
}

/** A thread makes few objects that live long; room for more would only be memory that nobody uses. */
const youngMegabytes = 8;

interface Thread {
  readonly worker: Worker;
  readonly calls: Map<number, Call>;
}

/** Threads over a vault; each starts when it is first needed. */
export function openScorer(vault: ThreadVault, threadCount: number): Scorer {
  const threads: (Thread | undefined)[] = Array.from({ length: threadCount }, () => undefined);
  const blocks = createBlocks();
  let calls = 0;

  const threadAt = (index: number): Thread => {
    const existing = threads[index];
    if (existing !== undefined) return existing;
    const thread = startThread(vault, blocks, (gone) => {
      if (threads[index] === gone) threads[index] = undefined;
    });
    threads[index] = thread;
    return thread;
  };
  const leastBusy = (): Thread => {
    const loads = threads.map((thread) => thread?.calls.size ?? 0);
    return threadAt(loads.indexOf(Math.min(...loads)));
  };
  const begin = (): { thread: Thread; call: number; state: Call } => {
    const thread = leastBusy();
    const call = ++calls;
    const state: Call = { unread: 0, wake: () => {}, done: Promise.withResolvers() };
    // The thread may die while bytes still come in; that is told by the call, not as an unhandled rejection.
    state.done.promise.catch(() => {});
    thread.calls.set(call, state);
    return { thread, call, state };
  };
  return {
    async score(version, announced, chunks) {
      const { thread, call, state } = begin();
      const send = (message: ToThread, owned: ArrayBuffer[] = []): void => thread.worker.postMessage(message, owned);
      try {
        send({ kind: 'begin', call, version, announced });
        for await (const chunk of chunks) {
          for (let at = 0; at < chunk.length && thread.calls.has(call); at += blockBytes) {
            const piece = chunk.subarray(at, at + blockBytes);
            const block = blocks.take();
            new Uint8Array(block).set(piece);
            state.unread += piece.length;
            send({ kind: 'chunk', call, block, bytes: piece.length }, [block]);
            while (state.unread > windowBytes && thread.calls.has(call)) await untilWoken(state);
          }
          if (!thread.calls.has(call)) break;
        }
        send({ kind: 'end', call });
        return (await state.done.promise).reading;
      } catch (error) {
        send({ kind: 'drop', call });
        throw error;
      } finally {
        thread.calls.delete(call);
      }
    },
    close: async () => {
      await Promise.all(threads.map((thread) => thread?.worker.terminate()));
    },
  };
}

function untilWoken(state: Call): Promise<void> {
  return new Promise((resolve) => {
    state.wake = resolve;
  });
}

function startThread(vault: ThreadVault, blocks: Blocks, onEnd: (thread: Thread) => void): Thread {
  const worker = new Worker(new URL('./scoring-thread.ts', import.meta.url), {
    workerData: vault,
    resourceLimits: { maxYoungGenerationSizeMb: youngMegabytes },
  });
  const thread: Thread = { worker, calls: new Map() };
  const end = (error: Error): void => {
    onEnd(thread);
    for (const [call, state] of thread.calls) {
      thread.calls.delete(call);
      state.done.reject(error);
      state.wake();
    }
  };
  worker.on('message', (message: FromThread) => {
    if (message.kind === 'taken') blocks.give(message.block);
    const state = thread.calls.get(message.call);
    if (state === undefined) return;
    if (message.kind === 'taken') state.unread -= message.bytes;
    else {
      thread.calls.delete(message.call);
      if (message.kind === 'failed') state.done.reject(new Error(message.message));
      else state.done.resolve(message);
    }
    state.wake();
  });
  worker.on('error', (error) => end(new Error('a scoring thread died', { cause: error })));
  worker.on('exit', () => end(new Error('a scoring thread ended')));
  return thread;
}
