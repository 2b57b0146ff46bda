// One cluster in one state directory: who holds it is written into run/cluster.json, and a holder that is gone is taken over.

import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type ClusterRecord, clusterRecord, clusterRecordPath } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';

/** The record of a cluster whose process lives; undefined where there is none. */
export function runningCluster(stateDirectory: string): ClusterRecord | undefined {
  const record = clusterRecord(stateDirectory);
  return record !== undefined && isAlive(record.pid) ? record : undefined;
}

/** Takes the state directory for this process; throws where a living process has it. */
export function takeCluster(stateDirectory: string, record: ClusterRecord): void {
  const path = clusterRecordPath(stateDirectory);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Two tries: the first may find a stale record, which is moved away so that only one taker can have removed it.
  for (let tries = 0; tries < 2; tries += 1) {
    try {
      const file = openSync(path, 'wx', 0o600);
      writeSync(file, JSON.stringify(record, null, 2));
      closeSync(file);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = runningCluster(stateDirectory);
    if (holder !== undefined) throw alreadyRunning(holder, stateDirectory);
    const stale = `${path}.stale-${process.pid}`;
    renameSync(path, stale);
    rmSync(stale, { force: true });
  }
  throw new CliError(exitCodes.precondition, `Another process is just starting a cluster in ${stateDirectory}.`);
}

/** Gives the state directory back, if it is still ours. */
export function releaseCluster(stateDirectory: string): void {
  if (clusterRecord(stateDirectory)?.pid === process.pid) rmSync(clusterRecordPath(stateDirectory), { force: true });
}

/** Changes our own record. */
export function rewriteCluster(stateDirectory: string, record: ClusterRecord): void {
  const path = clusterRecordPath(stateDirectory);
  writeFileSync(`${path}.new`, JSON.stringify(record, null, 2), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function alreadyRunning(holder: ClusterRecord, stateDirectory: string): CliError {
  return new CliError(
    exitCodes.precondition,
    `A cluster is running in ${stateDirectory} already (process ${holder.pid}, since ${holder.startedAt}).`,
    [
      'Use it as it is, or stop it with: doubleblind down',
      'A second one needs a --state-dir and a --port-base of its own.',
    ],
  );
}

/** True where the process lives and is not merely one that got the number anew. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return !isSomethingElse(pid);
}

function isSomethingElse(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('main.ts');
  } catch {
    // Not Linux, or gone meanwhile; then the number has to do.
    return false;
  }
}
