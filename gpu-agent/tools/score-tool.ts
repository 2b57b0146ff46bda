// The tool `score`: takes a file out of the sandbox, stores it, and tells the model what it may know of its score.

import { posix } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import type { Digest } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { Remaining } from '../core/trajectory.ts';
import { noneWhereEnded, type Sandbox } from '../sandbox/sandbox.ts';
import type { ScoreReply, ScoreRequest, Scores } from '../scores/scores.ts';
import { plainObservation } from './observation.ts';
import type { ToolOutcome } from './run-tool.ts';

export interface ScoreRoom {
  readonly attempt: Omit<ScoreRequest, 'submission'>;
  readonly sandbox: Pick<Sandbox, 'takeFile'>;
  readonly scores: Scores;
  readonly store: (bytes: Uint8Array, signal: AbortSignal) => Promise<Digest>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutSeconds: number;
  readonly maxBytes: number;
  readonly remaining: () => Remaining;
}

/** Where a submission is, unless told otherwise. */
const usualPath = '/out/submission.csv';

/** Rejects where the sandbox fails, the artifact store refuses, or the signal aborts. */
export async function scoreFile(path: string | undefined, room: ScoreRoom): Promise<ToolOutcome> {
  const startedMs = room.clock.monotonicMs();
  const { text, exitStatus } = await ask(posix.resolve('/work', path ?? usualPath), room);
  return {
    exitStatus,
    observation: plainObservation(text, exitStatus ?? 1, room.remaining()),
    wallSeconds: (room.clock.monotonicMs() - startedMs) / 1000,
    waitedSeconds: 0,
    slotSeconds: 0,
    peakMemoryBytes: 0,
    timedOut: false,
    outOfMemory: false,
  };
}

async function ask(path: string, room: ScoreRoom): Promise<{ text: string; exitStatus: number | null }> {
  const { attempt, scores, signal, timeoutSeconds, maxBytes } = room;
  const file = await room.sandbox.takeFile(path, maxBytes).catch(noneWhereEnded);
  if (file === undefined)
    return { text: 'Not scored: the sandbox had ended, and its files are gone. Write them again.', exitStatus: null };
  if (!file.ok) {
    const why = file.error.kind === 'missing' ? `there is no ${path}` : file.error.message;
    return { text: `Not scored: ${why}.`, exitStatus: 1 };
  }
  const submission = await stored(file.value, room);
  if (submission === undefined) return { text: `Not scored: ${path} could not be stored.`, exitStatus: 1 };
  const reply = await scores.ask({ ...attempt, submission }, { timeoutMs: timeoutSeconds * 1000, signal });
  return { text: textOf(path, reply), exitStatus: reply.kind === 'scored' ? 0 : 1 };
}

/** Undefined where the coordinator refuses the file for good, so that a strange file is no failure of the host. */
async function stored(bytes: Uint8Array, { store, signal }: ScoreRoom): Promise<Digest | undefined> {
  try {
    return await store(bytes, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RpcFault) return undefined;
    throw error;
  }
}

function textOf(path: string, reply: ScoreReply): string {
  const left = (count: number): string => `You may ask ${count} more ${count === 1 ? 'time' : 'times'}.`;
  switch (reply.kind) {
    case 'scored':
      return `Score of ${path} on hidden rows, with noise: ${reply.feedback}. ${left(reply.left)}`;
    case 'refused':
      return `Not scored: ${reply.message} This did not count. ${left(reply.left)}`;
    case 'denied':
      return `Not scored: ${reply.message}. Go on without it.`;
  }
}
