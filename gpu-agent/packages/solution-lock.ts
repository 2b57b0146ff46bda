// The packages of a solution: pinned by hash when it is taken, installed by hash before it runs.
//
// Owns: requirements.lock beside main.py, which the candidate's children, its refit and its readers get with the program.
// Invariants: 1. a solution with packages that were installed while it was written carries their lock; 2. the clean-slate
// run has the packages of the lock, byte for byte, or does not begin; 3. what is stored can be read again: where the lock
// has no place in the tree that an agent wrote, that is told to the agent.

import { err, ok, type Result } from '../../shared/core/result.ts';
import { packFiles, readTree, TreeError, type TreeFile } from '../../shared/store/tree.ts';
import { lockName, lockPath, maxLockBytes, readLock } from '../core/wheel.ts';
import type { ExecuteOptions, Execution, Sandbox } from '../sandbox/sandbox.ts';

/** A solution as it is stored. */
interface LockedSolution {
  readonly tar: Uint8Array;
  readonly files: readonly TreeFile[];
}

/** The solution as it is stored, or why its packages cannot be what it says they are. */
export async function solutionWithLock(
  files: readonly TreeFile[],
  sandbox: Sandbox,
  offered: boolean,
): Promise<Result<LockedSolution, string>> {
  const own = files.find((file) => file.path === lockName);
  if (!offered) {
    if (own === undefined) return await packed(files);
    return err(
      `/work/solution has a ${lockName}, but no packages can be installed here. Do without them and remove it.`,
    );
  }
  const installed = await sandbox.takeFile(lockPath, maxLockBytes);
  if (!installed.ok && installed.error.kind !== 'missing')
    return err(`${lockPath} cannot be read: ${installed.error.message}.`);
  // What was installed is what the program was tried with; without, a lock that was taken over from a parent stands.
  const bytes = installed.ok ? installed.value : own?.bytes;
  if (bytes === undefined) return await packed(files);
  const lock = readLock(Buffer.from(bytes).toString('utf8'));
  if (!lock.ok) return err(`${installed.ok ? lockPath : `/work/solution/${lockName}`} is not valid: ${lock.error}.`);
  const others = files.filter((file) => file !== own);
  const locked = { path: lockName, bytes: Buffer.from(lock.value), executable: false };
  return await packed(lock.value === '' ? others : [...others, locked]);
}

/** Read again at once: a lock beside a directory of that name, or as one file too many, makes no tree. */
async function packed(files: readonly TreeFile[]): Promise<Result<LockedSolution, string>> {
  const tar = await packFiles(files);
  try {
    return ok({ tar, files: await readTree(tar) });
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return err(`/work/solution cannot be stored with the ${lockName} of its packages: ${error.message}.`);
  }
}

/** Installs what the solution's lock names; gives the execution that failed, or undefined where all is in place. */
export async function installLocked(
  solution: Uint8Array,
  sandbox: Sandbox,
  offered: boolean,
  options: Omit<ExecuteOptions, 'directory'>,
): Promise<Execution | undefined> {
  if (!(await readTree(solution)).some((file) => file.path === lockName)) return undefined;
  if (!offered) return refused('This host offers no packages (packages: none).');
  const pip = ['python3', '-m', 'pip', 'install', '--require-hashes', '--no-deps', '-r', `/work/solution/${lockName}`];
  // Not in the solution's directory, where a file of its own could stand in for a module of pip.
  const execution = await sandbox.execute(pip, { directory: '/out', ...options });
  if (execution.end === 'completed') return undefined;
  return {
    ...execution,
    log: `${execution.log}\nThe packages of ${lockName} could not be installed; main.py was not run.\n`,
  };
}

function refused(sentence: string): Execution {
  const log = `${sentence} The packages of ${lockName} could not be installed; main.py was not run.\n`;
  return { end: 'crash', exitStatus: 1, log, wallSeconds: 0, cpuSeconds: 0, peakMemoryBytes: 0 };
}
