// The judge's process: it does not wait for ever, and it may do less than the daemon that asks it.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { createRpcClient } from '../../shared/rpc/client.ts';
import { testTls } from '../../shared/rpc/test-peers.ts';
import { labelFile, makeTasks, messages } from '../../test/support/attacked-evaluator.ts';
import { configSchema } from '../config.ts';
import { startEvaluator } from '../evaluator.ts';
import type { Judge } from './judge.ts';
import { createJudgeProcess, type JudgeSettings } from './judge-process.ts';
import { labelKeyPaths } from './label-keys.ts';

let state: string;
let settings: JudgeSettings;
const patient = { timeoutMs: 60_000 };

beforeAll(() => {
  state = mkdtempSync(join(tmpdir(), 'doubleblind-judge-'));
  makeTasks(state, [{ name: 't', metric: 'accuracy', feedback: 'quantised', search: [0, 1], validation: [1, 0] }]);
  const keys = labelKeyPaths(state, { search: '', validation: '' }, undefined);
  const engine = { image: 'none', memoryBytes: 2 ** 26, cpus: 1, atOnce: 1, timeoutMs: 1000, socketPath: '/none' };
  settings = {
    stateDirectory: state,
    keys,
    grader: { ...engine, installation: 'i', directory: join(state, 'grading') },
  };
});
afterAll(() => rmSync(state, { recursive: true }));

/** A program in place of the judge. */
function program(text: string): string {
  const path = join(state, `judge-${Math.random()}.mjs`);
  writeFileSync(path, text);
  return path;
}

const running = (path: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(path);
    } catch {
      return false;
    }
  });

test.each([
  [
    'waits for something that never comes',
    "process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000);",
  ],
  ['is stuck in a loop', "process.once('message', () => { for (;;); });"],
])('a judge that %s is ended, and the asker is told why and what to do', async (_, text) => {
  const path = program(text);
  const judge = createJudgeProcess(settings, { timeoutMs: 500, program: path });
  await expect(judge.check()).rejects.toMatchObject({
    kind: 'unavailable',
    reason: 'judgeTimeout',
    message: expect.stringContaining('raise judge.timeoutMs'),
  });
  await expect.poll(() => running(path), { timeout: 20_000 }).toEqual([]);
});

test('a judge starts no process, writes nothing outside of the state directory and sees nothing of the environment', async () => {
  const outside = join(mkdtempSync(join(tmpdir(), 'doubleblind-outside-')), 'file');
  const attempt = (text: string) =>
    program(`
      import { execFileSync } from 'node:child_process';
      import { writeFileSync } from 'node:fs';
      process.once('message', () => {
        let found;
        try { found = ${text}; } catch (error) { found = error.code; }
        process.send({ kind: 'failed', message: 'found ' + String(found) });
      });`);
  const answers = (text: string) =>
    createJudgeProcess(settings, { ...patient, program: attempt(text) })
      .check()
      .catch((error: Error) => error.message);
  expect(await answers("execFileSync('/bin/true')")).toBe('found ERR_ACCESS_DENIED');
  expect(await answers(`writeFileSync('${outside}', 'x')`)).toBe('found ERR_ACCESS_DENIED');
  expect(await answers('process.env.PATH')).toBe('found undefined');
  // Positive control: what it may do, it can.
  expect(await answers(`writeFileSync('${join(state, 'inside')}', 'x')`)).toBe('found undefined');
  expect(readFileSync(join(state, 'inside'), 'utf8')).toBe('x');
});

test('a seal whose judge takes too long is not made and can be asked for again', async () => {
  const [hasty, calm] = [createJudgeProcess(settings, { timeoutMs: 1 }), createJudgeProcess(settings, patient)];
  let seals = 0;
  const choose: Judge['choose'] = (...about) => (++seals === 1 ? hasty : calm).choose(...about);
  const listening = { listen: '127.0.0.1:0', metricsPort: 0, logLevel: 'silent', tls: await testTls('evaluator') };
  const config = configSchema.parse({ ...listening, stateDirectory: state, replyTickMs: 0 });
  const daemon = await startEvaluator(config, {
    ...{ log: silentLogger, clock: systemClock },
    judge: () => ({ check: () => calm.check(), choose, refitBundle: (version) => calm.refitBundle(version) }),
  });
  const client = createRpcClient({
    ...{ service: 'doubleblind.evaluator.v1.EvaluatorService' as const, address: daemon.address },
    ...{ tls: await testTls('coordinator'), expectRole: 'evaluator' as const },
  });
  const deadline = { deadlineMs: 60_000 };
  const submit = (candidate: string, labels: number[]) =>
    client.evaluate(messages({ task: 't', run: 'run', candidate }, Buffer.from(labelFile(labels))), deadline);
  await submit('c-1', [0, 0, 1, 1]);
  const request = { runId: 'run', task: 't', candidateIds: ['c-1'] };
  await expect(client.sealRun(request, deadline)).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'judgeTimeout',
  });
  // Nothing was sealed: the run goes on, and so does its seal.
  expect((await submit('c-2', [0, 1, 0, 1])).result).toBe('score');
  expect((await client.sealRun(request, deadline)).verdict?.finalists.length).toBe(1);
  client.close();
  await daemon.stop();
});
