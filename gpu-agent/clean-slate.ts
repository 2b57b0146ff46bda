// The clean-slate run: what is handed in, alone in a new sandbox.
//
// Owns: what is done before the slot is asked for, what under its lock, and the event that it comes to.
// Invariants: 1. the slot waits for no sandbox (docs/decisions/0011); 2. others get it when nothing of this run computes any more; 3. a sandbox that
// ends before the program runs is the engine's doing; one that is killed once while it runs may be, and the program runs anew; a program whose
// sandbox is killed again, or that used up its memory, is what did it.

import { knownDigest } from './attempt-room.ts';
import { keepEnd } from './core/bounded-text.ts';
import type { Command } from './core/command.ts';
import { computing } from './core/slot-lock.ts';
import type { TrajectoryEvent } from './core/trajectory-event.ts';
import { installLocked } from './packages/solution-lock.ts';
import {
  type Execution,
  interruptedWhereEnded,
  type Sandbox,
  SandboxEnded,
  SandboxInterrupted,
} from './sandbox/sandbox.ts';
import { maxSubmissionBytes, type Work } from './work.ts';

const maxLogBytes = 2 ** 20;
/** What an event carries of a log; the whole is an artifact. */
const logTailBytes = 1800;

/** Rejects where the host fails, or with the signal's reason. */
export async function runCleanSlate(
  command: Extract<Command, { kind: 'runCleanSlate' }>,
  work: Work,
  signal: AbortSignal,
): Promise<TrajectoryEvent> {
  const { room } = work;
  const staging = await room.staging();
  const solution = await staging.get(knownDigest(command.solutionDigest));
  return await runIn(await room.cleanSlate(), solution, command.timeoutSeconds * 1000, work, signal);
}

async function runIn(
  sandbox: Sandbox,
  solution: Uint8Array,
  timeoutMs: number,
  work: Work,
  signal: AbortSignal,
): Promise<TrajectoryEvent> {
  const { room, slot, clock, time } = work;
  const options = { timeoutMs, maxLogBytes, signal };
  // All that needs no GPU is done while others have the slot, which then never waits for a sandbox (docs/decisions/0011).
  await sandbox.putTree(solution, '/work/solution').catch(interruptedWhereEnded);
  const uninstalled = await installLocked(solution, sandbox, work.packages !== undefined, options);
  if (uninstalled !== undefined) return await executed(uninstalled, 0, sandbox, work);
  const askedMs = clock.monotonicMs();
  const release = await slot.acquire('cleanSlate', signal);
  const waitedSeconds = (clock.monotonicMs() - askedMs) / 1000;
  time.exclude(waitedSeconds);
  return await computing(slot, release, room.settling(signal), async () => {
    const execution = await sandbox.execute(['python3', 'main.py'], { directory: '/work/solution', ...options });
    try {
      return await executed(execution, waitedSeconds, sandbox, work);
    } catch (error) {
      if (!(error instanceof SandboxEnded)) throw error;
      return await executed(endedAfter(execution, error), waitedSeconds, sandbox, work);
    }
  });
}

/** What it left behind, its files in memory or a process, ended the sandbox before the submission was out. */
function endedAfter(execution: Execution, { outOfMemory }: SandboxEnded): Execution {
  const log = `${execution.log}the sandbox ended before the submission was taken out of it\n`;
  const end = outOfMemory ? 'outOfMemory' : 'crash';
  return { ...execution, end, exitStatus: 137, log, ...(outOfMemory ? {} : { sandboxKilled: true }) };
}

/** What the clean-slate run came to, after its sandbox has gone. */
async function executed(
  execution: Execution,
  waitedSeconds: number,
  sandbox: Sandbox,
  work: Work,
): Promise<TrajectoryEvent> {
  const { room, time } = work;
  if (execution.end === 'cancelled') throw new Error('the clean-slate run was stopped');
  if (execution.sandboxKilled === true && room.isFirstKill())
    throw new SandboxInterrupted('the sandbox was killed while the program ran');
  const log = await (await room.staging()).put(Buffer.from(execution.log, 'utf8'));
  const submission = await takeSubmission(execution, sandbox, work);
  await room.finishCleanSlate();
  return {
    kind: 'executed',
    end: execution.end,
    exitStatus: execution.exitStatus,
    logDigest: log.digest,
    logTail: keepEnd(execution.log, logTailBytes),
    ...submission,
    wallSeconds: execution.wallSeconds,
    waitedSeconds,
    cpuSeconds: execution.cpuSeconds,
    peakMemoryBytes: execution.peakMemoryBytes,
    elapsedSeconds: time.elapsedSeconds(),
  };
}

async function takeSubmission(
  execution: Execution,
  sandbox: Sandbox,
  { room }: Work,
): Promise<{ submissionDigest?: string; submissionProblem?: string }> {
  if (execution.end !== 'completed') return {};
  const file = await sandbox.takeFile('/out/submission.csv', maxSubmissionBytes);
  if (file.ok) return { submissionDigest: (await (await room.staging()).put(file.value)).digest };
  switch (file.error.kind) {
    case 'missing':
      return { submissionProblem: 'main.py ended well but wrote no /out/submission.csv.' };
    case 'tooLarge':
      return { submissionProblem: `/out/submission.csv has more than ${maxSubmissionBytes / 2 ** 20} MiB.` };
    case 'unsafe':
      return { submissionProblem: `/out/submission.csv is not a plain file (${file.error.message}).` };
  }
}
