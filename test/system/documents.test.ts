// The pages for operators, run as they stand: a page whose commands do not work is worse than none.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../shared/core/assert.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { type Block, shellBlocks } from '../support/document-blocks.ts';

let started: TestCluster | undefined;

beforeAll(async () => {
  started = await startTestCluster({ slots: 2 });
});

afterAll(() => started?.stop());

function shell(script: string, env: Readonly<Record<string, string>>): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      'bash',
      ['-euo', 'pipefail', '-c', script],
      { env: { ...process.env, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? 1, output: `${stdout}${stderr}` }),
    );
  });
}

test('every call of docs/grpc.md works as printed', async () => {
  const cluster = present(started, 'the cluster');
  expect((await cluster.run('task', 'import', 'tasks/digits')).code).toBe(0);
  const [preamble, ...calls] = shellBlocks('docs/grpc.md');
  const setting = present(preamble, 'the block that sets the shell up').text;
  expect(calls.length).toBeGreaterThanOrEqual(20);

  const env: Record<string, string> = { PKI: join(cluster.stateDirectory, 'pki'), ...cluster.addresses };
  const run = async ({ line, text }: Block): Promise<string> => {
    const { code, output } = await shell(`${setting}\n${text}`, env);
    expect(code, `docs/grpc.md:${line}: ${text}\n${output}`).toBe(0);
    return output;
  };
  const seen: string[] = [];
  for (const block of calls) {
    // The page speaks of a run that is over and of one that is not; the first of them is the one that its own call 11 started.
    if (block.text.includes('$RUN') && !('RUN' in env)) {
      const [first] = await cluster.json<{ runId: string }[]>('ls');
      env['RUN'] = present(first, 'the run of call 11').runId;
      expect((await cluster.run('watch', env['RUN'])).code).toBe(0);
      env['CANDIDATE'] = `${env['RUN']}-0001`;
    }
    if (block.text.includes('$LIVE_RUN') && !('LIVE_RUN' in env)) {
      const { runId } = await cluster.json<{ runId: string }>('run', 'digits', '--candidates', '500', '--detach');
      env['LIVE_RUN'] = runId;
    }
    seen.push(await run(block));
  }
  const all = seen.join('\n');
  for (const word of [
    'EvaluatorService/SealRun',
    'SERVING',
    'HOST_STATE_CORDONED',
    'RUN_STATE_SEALED',
    'RUN_STATE_PAUSED',
    'publicKeyPem',
    'offline',
  ]) {
    expect(all, word).toContain(word);
  }
});
