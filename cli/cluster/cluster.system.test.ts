// A start that is given up half-way, with stand-ins for the daemons that never get ready.

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { env } from 'node:process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLocalPki } from '../../shared/pki/authority.ts';
import { freePortBase } from '../../test/support/cluster.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { clusterRecord } from '../context.ts';
import { quietContext } from '../testing/run-verb.ts';
import { startCluster } from './cluster.ts';
import { daemonNames, folders, layoutOf } from './layout.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'doubleblind-start-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Daemons that write their process id and do nothing more. */
function standIns(): void {
  const pids = join(root, 'pids');
  mkdirSync(pids);
  const idle = `require('node:fs').writeFileSync('${pids}/' + process.pid, ''); setInterval(() => undefined, 1000);`;
  for (const folder of [...Object.values(folders), 'gpu-agent/socket-proxy']) {
    const path = join(root, folder, 'main.ts');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, idle);
  }
  mkdirSync(join(root, 'bin'));
  writeFileSync(join(root, 'bin/nats-server'), `#!/bin/sh\ntouch ${pids}/$$\nexec sleep 1000\n`);
  chmodSync(join(root, 'bin/nats-server'), 0o755);
}

const isAlive = (pid: number): boolean => {
  try {
    // A process that has ended and was not collected yet is none.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

test('a start that is given up ends, stops what had started, and gives the state directory back', async () => {
  standIns();
  const state = join(root, 'state');
  await createLocalPki(join(state, 'pki'), 'local');
  const stopping = new AbortController();
  const path = `${join(root, 'bin')}:${env['PATH'] ?? ''}`;
  const cli = { ...quietContext(), root, env: { PATH: path }, signal: stopping.signal };
  const starting = startCluster(cli, {
    layout: layoutOf(state, join(state, 'pki'), await freePortBase()),
    ...{ cpuSlots: 1, trajectoriesPerSlot: 1, sandboxImage: 'sha256:1', dockerSocket: '/nowhere/docker.sock' },
    ...{ sandboxEnvironment: {}, hostName: 'local', model: undefined, tracesEndpoint: '', gatewaySettings: undefined },
  });
  const outcome = starting.catch((error: unknown) => error);
  const pids = (): number[] => readdirSync(join(root, 'pids')).map(Number);
  await waitFor('all stand-ins', () => pids().length === daemonNames.length + 1);
  expect(pids().every(isAlive)).toBe(true);
  expect(clusterRecord(state)).toMatchObject({ ready: false });
  stopping.abort();
  expect(await outcome).toMatchObject({ name: 'AbortError' });
  expect(pids().filter(isAlive)).toEqual([]);
  expect(clusterRecord(state)).toBeUndefined();
}, 20_000);
