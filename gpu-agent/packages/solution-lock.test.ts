import { expect, test } from 'vitest';
import { err, ok } from '../../shared/core/result.ts';
import type { TreeFile } from '../../shared/store/tree.ts';
import { lockName } from '../core/wheel.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { solutionWithLock } from './solution-lock.ts';

const lock = `tool==1 --hash=sha256:${'a'.repeat(64)}\n`;
const file = (path: string): TreeFile => ({ path, bytes: Buffer.from('x'), executable: false });

/** A sandbox in which these packages were installed. */
function sandboxWith(installed: string | undefined): Sandbox {
  const takeFile = () =>
    Promise.resolve(installed === undefined ? err({ kind: 'missing', message: '' }) : ok(Buffer.from(installed)));
  return { takeFile } as unknown as Sandbox;
}

test('a solution gets the lock of what was installed, and keeps its own where nothing was', async () => {
  const own = { ...file(lockName), bytes: Buffer.from(lock.replace('tool', 'other')) };
  const added = await solutionWithLock([file('main.py')], sandboxWith(lock), true);
  expect(added).toMatchObject({ ok: true, value: { files: [file('main.py'), { path: lockName }] } });
  const kept = await solutionWithLock([file('main.py'), own], sandboxWith(undefined), true);
  expect(kept).toMatchObject({ ok: true, value: { files: [file('main.py'), own] } });
});

test("a directory with the name of the lock is the agent's to mend", async () => {
  const files = [file('main.py'), file(`${lockName}/x`)];
  const refused = await solutionWithLock(files, sandboxWith(lock), true);
  expect(refused.ok ? '' : refused.error).toContain('requirements.lock is a file and a directory at once');
  expect((await solutionWithLock(files, sandboxWith(undefined), true)).ok).toBe(true);
});

test("a lock that is one file too many is the agent's to mend", async () => {
  const files = [file('main.py'), ...Array.from({ length: 9_999 }, (_, number) => file(`d/${number}`))];
  const refused = await solutionWithLock(files, sandboxWith(lock), true);
  expect(refused.ok ? '' : refused.error).toContain('more than 10000 entries');
  expect((await solutionWithLock(files, sandboxWith(undefined), true)).ok).toBe(true);
});
