import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockState, StateDirectoryTaken } from './state-lock.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'doubleblind-lock-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/** A process that has the directory until it is killed. */
async function holder(directory: string) {
  const module = JSON.stringify(join(import.meta.dirname, 'state-lock.ts'));
  const program = `const { lockState } = await import(${module});
    await lockState(${JSON.stringify(directory)}, 'coordinator'); console.log('held'); setInterval(globalThis.gc, 20);`;
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('one at a time works on a directory, each on its own, and the next one takes over what was released', async () => {
  const directory = join(home, 'new', 'coordinator');
  const first = await lockState(directory, 'coordinator');
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  await expect(lockState(directory, 'coordinator', 0)).rejects.toEqual(
    new StateDirectoryTaken(`another coordinator (pid ${process.pid}) works on ${directory}; stop it first`),
  );
  const other = await lockState(join(home, 'other'), 'coordinator', 0);
  first.release();
  (await lockState(directory, 'evaluator', 0)).release();
  other.release();
});

test('the lock goes with a process that is killed, and whoever comes just then waits for that', async () => {
  const child = await holder(home);
  await expect(lockState(home, 'coordinator', 0)).rejects.toThrow(`another coordinator (pid ${child.pid}) works on`);
  const next = lockState(home, 'coordinator');
  child.kill('SIGKILL');
  (await next).release();
  expect(readdirSync(home)).toEqual(['lock.holder', 'lock.sqlite']);
});
