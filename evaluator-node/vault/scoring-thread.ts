// A scoring thread: reads and scores submissions, several at a time, piece by piece as they come. It has its own view of the vault,
// of whose labels it opens those of the search rows, and writes nothing. scorer.ts is the other end.

import { parentPort, workerData } from 'node:worker_threads';
import { messageChain } from '../../shared/core/message-chain.ts';
import type { LabelKeyPaths } from './label-keys.ts';
import { type Announced, createReading, type Reading } from './reading.ts';
import { createTaskLoader } from './scoring.ts';
import { openVault } from './vault.ts';

/** What a thread opens: the search rows of the vault in that directory. */
export interface ThreadVault {
  readonly stateDirectory: string;
  readonly keys: LabelKeyPaths;
}

/** What the daemon says; `call` tells submissions apart. */
export type ToThread =
  | { readonly kind: 'begin'; readonly call: number; readonly version: string; readonly announced: Announced }
  | { readonly kind: 'chunk'; readonly call: number; readonly block: ArrayBuffer; readonly bytes: number }
  | { readonly kind: 'end'; readonly call: number }
  | { readonly kind: 'drop'; readonly call: number };

/** What the thread says: bytes that it has read, with their block, and how a call ended. */
export type FromThread =
  | { readonly kind: 'taken'; readonly call: number; readonly block: ArrayBuffer; readonly bytes: number }
  | { readonly kind: 'done'; readonly call: number; readonly reading: Reading }
  | { readonly kind: 'failed'; readonly call: number; readonly message: string };

const port = parentPort;
if (port === null) throw new Error('scoring-thread.ts runs as a thread only');
const { stateDirectory, keys } = workerData as ThreadVault;
const vault = openVault(stateDirectory, { keys, opens: ['search'] });
const load = createTaskLoader(vault);
const readings = new Map<number, ReturnType<typeof createReading>>();

function loaded(version: string): ReturnType<typeof load> {
  const task = vault.taskOfVersion(version);
  if (task === undefined) throw new Error(`the vault has no task version ${version}`);
  return load(task);
}

function handle(message: ToThread): FromThread | undefined {
  const { kind, call } = message;
  if (kind === 'begin') readings.set(call, createReading(loaded(message.version), message.announced));
  else if (kind === 'chunk') {
    const { block, bytes } = message;
    readings.get(call)?.push(new Uint8Array(block, 0, bytes));
    return { kind: 'taken', call, block, bytes };
  } else {
    const reading = readings.get(call);
    readings.delete(call);
    if (kind === 'end' && reading !== undefined) return { kind: 'done', call, reading: reading.finish() };
  }
  return;
}

port.on('message', (message: ToThread) => {
  let answer: FromThread | undefined;
  try {
    answer = handle(message);
  } catch (error) {
    readings.delete(message.call);
    answer = { kind: 'failed', call: message.call, message: messageChain(error) };
  }
  if (answer !== undefined) port.postMessage(answer, ownedBy(answer));
});

/** The memory that goes with a message. */
function ownedBy(answer: FromThread): ArrayBuffer[] {
  if (answer.kind === 'taken') return [answer.block];
  if (answer.kind !== 'done' || answer.reading.kind !== 'read') return [];
  const { buffer } = answer.reading.predictions.values;
  return buffer instanceof ArrayBuffer ? [buffer] : [];
}
