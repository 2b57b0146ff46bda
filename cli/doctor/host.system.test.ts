// `doctor` on a host of a fleet: files of installed daemons, a daemon that runs, and what systemd says of them.

import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gatewayConfigSchema } from '../../llm-gateway/config.ts';
import { type RunningGateway, startGateway } from '../../llm-gateway/start.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { testTls } from '../../shared/rpc/test-peers.ts';
import { runVerb, type Seen } from '../testing/run-verb.ts';

let gateway: RunningGateway;
let root: string;
let pki: string;

/** In place of systemd's: it is asked once for all units. */
const systemctl = (calls: string): string => `#!/bin/sh
echo "$@" >> ${calls}
cat <<'X'
Id=doubleblind-llm-gateway.service
LoadState=loaded
ActiveState=active
SubState=running
NRestarts=3
Result=success
ExecStart={ path=/usr/bin/node ; argv[]=/usr/bin/node /usr/lib/doubleblind/llm-gateway/main.ts --log-level debug ; ignore_errors=no ; pid=1 }

Id=doubleblind-evaluator.service
LoadState=loaded
ActiveState=failed
SubState=failed
NRestarts=5
Result=exit-code
ExecStart={ path=/usr/bin/node ; argv[]=/usr/bin/node /usr/lib/doubleblind/evaluator-node/main.ts ; ignore_errors=no ; pid=0 }

Id=nats-server.service
LoadState=not-found
ActiveState=inactive
SubState=dead
NRestarts=0
Result=success
X
`;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'doubleblind-host-'));
  const tls = await testTls('llm-gateway');
  pki = dirname(tls.key);
  const stateDirectory = join(root, 'state');
  const config = gatewayConfigSchema.parse({ listen: '127.0.0.1:0', stateDirectory, tls });
  gateway = await startGateway(config, { log: silentLogger, clock: systemClock });
  mkdirSync(join(root, 'etc'));
  mkdirSync(join(root, 'bin'));
  const file = { listen: gateway.address, stateDirectory, tls, logLevel: 'warn' };
  writeFileSync(join(root, 'etc/llm-gateway.yaml'), JSON.stringify(file));
  writeFileSync(join(root, 'etc/evaluator.yaml'), 'scoringThreats: 3\n');
  writeFileSync(join(root, 'bin/systemctl'), systemctl(join(root, 'calls')));
  chmodSync(join(root, 'bin/systemctl'), 0o755);
});
afterAll(async () => {
  await gateway.stop();
  rmSync(root, { recursive: true });
});

function doctor(...words: string[]): Promise<Seen> {
  const place = ['--config-dir', join(root, 'etc'), '--state-dir', join(root, 'none'), '--pki-dir', pki];
  return runVerb(['doctor', ...place, ...words], { env: { PATH: `${join(root, 'bin')}:${process.env['PATH']}` } });
}

test('doctor reads the files of a host as its daemons do, asks each of them, and says what it looked at', async () => {
  const { code, stdout } = await doctor();
  expect(code).toBe(6);
  expect(stdout).toMatch(/✓ Looked at +evaluator\.yaml, llm-gateway\.yaml in .*; the units of systemd; no Docker/);
  expect(stdout).toMatch(/✗ Settings +.*evaluator\.yaml is not taken\n +.*did you mean scoringThreads\?/);
  expect(stdout).toMatch(/✓ Settings +llm-gateway: .*\n +logLevel of .*yaml is not used: --log-level says otherwise/);
  expect(stdout).toMatch(
    /✗ Unit +doubleblind-evaluator is failed \(failed, exit-code\), started again 5 times\n +journalctl/,
  );
  expect(stdout).toMatch(/✓ Unit +doubleblind-llm-gateway is running, started again 3 times\n/);
  expect(stdout).toMatch(/✓ llm-gateway +serves at 127\.0\.0\.1:\d+\n/);
  expect(stdout).toMatch(/✓ Certificates +2, the first ends in \d+ days/);
  expect(stdout).not.toMatch(/Cluster|Docker engine|Sandbox/);
  const lines = JSON.parse((await doctor('-o', 'json')).stdout) as { name: string }[];
  expect(lines.map(({ name }) => name)).toContain('Looked at');
});

test('a key that is carried to the host and does not fit its certificate is told before the daemon takes it', async () => {
  mkdirSync(join(root, 'etc/pki'));
  copyFileSync(join(pki, 'nats.key'), join(root, 'etc/pki/llm-gateway.key'));
  const before = readdirSync(root, { recursive: true });
  const { stdout } = await doctor();
  expect(stdout).toMatch(
    /✗ Certificates +the certificate .* and the key .*etc\/pki\/llm-gateway\.key cannot be used together/,
  );
  expect(readdirSync(root, { recursive: true })).toEqual(before);
});
