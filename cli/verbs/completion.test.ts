import { afterAll, beforeAll, expect, test } from 'vitest';
import { runVerb } from '../testing/run-verb.ts';
import { type StubCoordinator, startStubCoordinator } from '../testing/stub-coordinator.ts';

let stub: StubCoordinator;
beforeAll(async () => {
  stub = await startStubCoordinator();
});
afterAll(() => stub.stop());

async function complete(...words: string[]): Promise<string[]> {
  const env = { DOUBLEBLIND_COORDINATOR: stub.address, DOUBLEBLIND_STATE_DIR: stub.stateDirectory };
  const seen = await runVerb(['complete', '--', ...words], { env });
  expect(seen.code, seen.stderr).toBe(0);
  return seen.stdout.split('\n').filter((line) => line !== '');
}

test('verbs, sub-verbs, flags and their values complete from the program itself', async () => {
  expect(await complete('res')).toEqual(['results', 'resume']);
  expect(await complete('node', 'c')).toEqual(['cordon']);
  expect(await complete('results', '--out')).toEqual(['--output']);
  expect(await complete('results', '-o', '')).toEqual(['table', 'json']);
  expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  expect(await complete('comp')).toEqual(['completion']);
});

test('ids complete from the coordinator, and nothing is offered where none answers', async () => {
  expect(await complete('show', 'r-')).toContain('r-sample');
  expect(await complete('transcript', 'c-')).toContain('c-0003');
  expect(await complete('run', 'd')).toContain('digits');
  const seen = await runVerb(['complete', '--', 'show', ''], { env: { DOUBLEBLIND_COORDINATOR: '127.0.0.1:1' } });
  expect(seen).toMatchObject({ code: 0, stdout: '', stderr: '' });
});

test('bash loads the script and completes with it', async () => {
  const { stdout } = await runVerb(['completion', 'bash']);
  const { execFileSync } = await import('node:child_process');
  const script = `doubleblind() { printf '%s\\n' alpha beta; }\n${stdout}\nCOMP_WORDS=(doubleblind sh) COMP_CWORD=1; _doubleblind; echo "\${COMPREPLY[@]}"`;
  expect(execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim()).toBe('alpha beta');
});
