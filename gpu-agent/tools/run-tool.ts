// Runs one tool call of the model: in the sandbox, or from what is known of the parents.
//
// Owns: the slot's lock around what computes, and the figures of a call.
// Leaves to core/: which call is run; to the sandbox: ending it in time.
// Invariants: 1. only bash and python hold the slot; reading, writing and thinking do not; 2. waiting for the slot does
// not count as time of the trajectory; 3. others get the slot when nothing of a call computes any more, however it ended.

import type { Clock } from '../../shared/clock.ts';
import { computing, type Settling, type SlotLock } from '../core/slot-lock.ts';
import type { ToolRequest } from '../core/tool-catalogue.ts';
import type { Remaining } from '../core/trajectory.ts';
import type { Sandbox, SessionCall, SessionReply } from '../sandbox/sandbox.ts';
import { observationOf, plainObservation } from './observation.ts';
import { inspectParent, type ParentFiles } from './parent-files.ts';

/** Lines that read_file shows unless told otherwise. */
const defaultLines = 400;
/** File calls are quick; this only ends a hung sandbox. */
const fileCallSeconds = 60;

export interface ToolRoom {
  /** The trajectory's sandbox; another one where the one before had to go. */
  sandbox(): Promise<Sandbox>;
  readonly parents: readonly ParentFiles[];
  readonly slot: SlotLock;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutSeconds: number;
  readonly rerun: boolean;
  /** Told how long the slot was waited for, which is no time of the trajectory. */
  waited(seconds: number): void;
  /** Of what a call left under way. */
  readonly settling: Settling;
  remaining(): Remaining;
}

export interface ToolOutcome {
  readonly exitStatus: number | null;
  readonly observation: string;
  readonly wallSeconds: number;
  readonly waitedSeconds: number;
  readonly slotSeconds: number;
  readonly peakMemoryBytes: number;
  readonly timedOut: boolean;
  readonly outOfMemory: boolean;
}

/** Runs the call; rejects where the sandbox itself fails or the signal aborts. */
export async function runTool(
  request: Exclude<ToolRequest, { tool: 'submit' | 'score' }>,
  room: ToolRoom,
): Promise<ToolOutcome> {
  if (request.tool === 'inspect') {
    const { text, found } = inspectParent(room.parents, request);
    const exitStatus = found ? 0 : 1;
    return { ...nothing, exitStatus, observation: plainObservation(text, exitStatus, room.remaining()) };
  }
  const call = sessionCall(request);
  if (call.kind !== 'bash' && call.kind !== 'python') {
    const timeoutMs = Math.min(fileCallSeconds, room.timeoutSeconds) * 1000;
    const sandbox = await room.sandbox();
    return outcome(await sandbox.call(call, { timeoutMs, signal: room.signal }), room, 0, 0);
  }
  const askedMs = room.clock.monotonicMs();
  const release = await room.slot.acquire('tool', room.signal);
  const grantedMs = room.clock.monotonicMs();
  room.waited((grantedMs - askedMs) / 1000);
  return await computing(room.slot, release, room.settling, async () => {
    // Asked for now: what an interrupted call had left under way may have cost the one before.
    const sandbox = await room.sandbox();
    const reply = await sandbox.call(call, { timeoutMs: room.timeoutSeconds * 1000, signal: room.signal });
    const slotSeconds = (room.clock.monotonicMs() - grantedMs) / 1000;
    return outcome(reply, room, (grantedMs - askedMs) / 1000, slotSeconds);
  });
}

const nothing: ToolOutcome = {
  exitStatus: 0,
  observation: '',
  wallSeconds: 0,
  waitedSeconds: 0,
  slotSeconds: 0,
  peakMemoryBytes: 0,
  timedOut: false,
  outOfMemory: false,
};

function outcome(reply: SessionReply, room: ToolRoom, waitedSeconds: number, slotSeconds: number): ToolOutcome {
  return {
    exitStatus: reply.exitStatus,
    observation: observationOf(reply, room.remaining(), room.timeoutSeconds, room.rerun),
    wallSeconds: reply.wallSeconds,
    waitedSeconds,
    slotSeconds,
    peakMemoryBytes: reply.peakMemoryBytes,
    timedOut: reply.timedOut,
    outOfMemory: reply.outOfMemory,
  };
}

function sessionCall(request: Exclude<ToolRequest, { tool: 'submit' | 'score' | 'inspect' }>): SessionCall {
  switch (request.tool) {
    case 'bash':
      return { kind: 'bash', command: request.command };
    case 'python':
      return { kind: 'python', code: request.code };
    case 'read_file':
      return {
        kind: 'readFile',
        path: request.path,
        offset: request.offset ?? 0,
        limit: request.limit ?? defaultLines,
      };
    case 'write_file':
      return { kind: 'writeFile', path: request.path, content: request.content };
    case 'edit_file':
      return { kind: 'editFile', path: request.path, old: request.old, new: request.new };
  }
}
