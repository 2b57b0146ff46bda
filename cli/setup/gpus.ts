// The GPUs of this machine, by nvidia-smi.

import { spawnSync } from 'node:child_process';
import { oneLine } from '../core/text.ts';
import { findProgram } from './command.ts';

/** Names of the GPUs; empty where there is none or no driver. */
export function findGpus(env: Readonly<Record<string, string | undefined>>): string[] {
  const program = findProgram('nvidia-smi', env);
  if (program === undefined) return [];
  const result = spawnSync(program, ['--query-gpu=name', '--format=csv,noheader'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  if (result.status !== 0) return [];
  return result.stdout
    .split('\n')
    .map(oneLine)
    .filter((name) => name !== '');
}
