import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLocalPki, issueCertificate } from '../../shared/pki/authority.ts';
import { runVerb } from '../testing/run-verb.ts';

const good =
  'nats: { servers: ["127.0.0.1:1"] }\nevaluator: { address: "127.0.0.1:2" }\ngateway: { address: "127.0.0.1:3" }\n';
let state: string;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'doubleblind-config-'));
  mkdirSync(join(state, 'etc'));
});
afterEach(() => rmSync(state, { recursive: true }));

test('config check names every file that is right, and every problem of one that is not', async () => {
  writeFileSync(join(state, 'etc/coordinator.yaml'), good);
  writeFileSync(join(state, 'etc/evaluator.yaml'), 'scoringThreats: 3\nreplyTickMs: soon\n');
  const words = ['config', 'check', '--state-dir', state];
  const seen = await runVerb(words);
  expect(seen.code).toBe(2);
  expect(seen.stdout).toContain(`✓ coordinator: ${join(state, 'etc/coordinator.yaml')}\n`);
  expect(seen.stdout).toContain('✗ evaluator: ');
  expect(seen.stdout).toContain('did you mean scoringThreads?');
  expect(seen.stdout).toContain('replyTickMs');
  const { stdout } = await runVerb([...words, 'coordinator', '-o', 'json']);
  expect(JSON.parse(stdout)).toEqual([
    {
      ...{ role: 'coordinator', file: join(state, 'etc/coordinator.yaml'), ok: true, problems: [] },
      notLookedAt: ['ca.crt', 'coordinator.crt', 'coordinator.key'].map(
        (name) => `/etc/doubleblind/pki/${name} (it is not there)`,
      ),
    },
  ]);
});

test('config check looks at the certificate as the daemon would: its key, its role, its dates and its authority', async () => {
  const [pki, other] = [join(state, 'pki'), join(state, 'other')];
  await createLocalPki(pki, 'gpu-1');
  await createLocalPki(other, 'gpu-1');
  const check = async (tls: Record<string, string>) => {
    const paths = { ca: `${pki}/ca.crt`, certificate: `${pki}/coordinator.crt`, key: `${pki}/coordinator.key`, ...tls };
    writeFileSync(join(state, 'etc/coordinator.yaml'), `${good}tls: ${JSON.stringify(paths)}\n`);
    return await runVerb(['config', 'check', '--state-dir', state]);
  };
  const right = await check({});
  expect([right.code, right.stdout]).toEqual([0, `✓ coordinator: ${join(state, 'etc/coordinator.yaml')}\n`]);
  const key = await check({ key: `${pki}/gpu-agent.key` });
  expect([key.code, key.stdout]).toEqual([2, expect.stringContaining('gpu-agent.key cannot be used together')]);
  const role = await check({ certificate: `${pki}/operator.crt`, key: `${pki}/operator.key` });
  expect(role.stdout).toContain('operator.crt names operator/local instead of a coordinator');
  expect((await check({ ca: `${other}/ca.crt` })).stdout).toContain('no authority in');
  expect(await check({ key: `${pki}/nowhere.key` })).toMatchObject({
    ...{ code: 0, stdout: expect.stringContaining(`not looked at: ${pki}/nowhere.key (it is not there)`) },
  });
  await issueCertificate(pki, { role: 'coordinator', name: 'local', hosts: [], renew: true, days: -1 });
  expect((await check({})).stdout).toMatch(/coordinator\.crt ended on \d{4}-/);
});

test('without a file config check says how to name one', async () => {
  const seen = await runVerb(['config', 'check', '--state-dir', state]);
  expect(seen.code).toBe(3);
  expect(seen.stderr).toContain('config check ROLE --config FILE');
  expect((await runVerb(['config', 'check', '--config', 'x'])).code).toBe(2);
});

test('a reader that goes away early is no failure of config show', async () => {
  writeFileSync(join(state, 'etc/coordinator.yaml'), good);
  // As `runVerb(['config', 'show', …])`, but with a real pipe behind it, closed before the first byte is written.
  const launcher = join(import.meta.dirname, '../../deploy/bin/doubleblind');
  const script = `{ sh "$0" config show coordinator --state-dir "$1"; echo "code $?" >&2; } | true`;
  const stderr = await new Promise<string>((resolve) => {
    execFile('sh', ['-c', script, launcher, state], (_error, _stdout, text) => resolve(text));
  });
  expect(stderr).toBe('code 0\n');
});
