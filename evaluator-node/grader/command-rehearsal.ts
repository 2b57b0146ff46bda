// Rehearsals of a command on the evaluator's machine: by the evaluator's configuration, with files of their own that go
// with them. Engine and configuration are loaded at the first call, because most commands need neither.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { loadConfig } from '../../shared/daemon/config.ts';
import { configSchema } from '../config.ts';
import type { Rehearsal } from './rehearsal.ts';

/** By the configuration file that is named, or the usual one; `left` is told of a container that could not be removed. Throws ConfigError where that is not one. */
export function commandRehearsal(
  config: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  left: (containerId: string) => void,
): Rehearsal {
  const argv = config === undefined ? [] : ['--config', config];
  const { grader, docker } = loadConfig({ role: 'evaluator', schema: configSchema, argv, env });
  return async (call) => {
    const { createRehearsal } = await import('./docker-grader.ts');
    const directory = await mkdtemp(join(tmpdir(), 'doubleblind-rehearsal-'));
    const own = { installation: basename(directory), directory };
    const engine = { ...grader, ...own, socketPath: docker.socket, clock: systemClock, left };
    try {
      return await createRehearsal(engine)(call);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  };
}
