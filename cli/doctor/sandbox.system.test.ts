// `doctor` on a host with a sandbox proxy: Docker is asked through it alone, and one sandbox looks out. Needs an engine and the image.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askEngine, dockerSocket, imageIdOf, sandboxImageName } from '../setup/docker-engine.ts';
import { runVerb } from '../testing/run-verb.ts';

const root = join(import.meta.dirname, '../..');
let place: string;
let proxy: ChildProcess;

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'doubleblind-host-'));
  mkdirSync(join(place, 'agent/bundles'), { recursive: true });
  mkdirSync(join(place, 'etc'));
  const listen = join(place, 'sandbox.sock');
  const agentStateDirectory = join(place, 'agent');
  writeFileSync(join(place, 'etc/sandbox-proxy.yaml'), JSON.stringify({ listen, agentStateDirectory }));
  const agent = {
    stateDirectory: agentStateDirectory,
    nats: { servers: ['127.0.0.1:1'] },
    coordinator: { address: '127.0.0.1:1' },
    gateway: { address: '127.0.0.1:1' },
    sandbox: { proxySocket: listen },
  };
  writeFileSync(join(place, 'etc/gpu-agent.yaml'), JSON.stringify(agent));
  const words = ['gpu-agent/socket-proxy/main.ts', '--config', join(place, 'etc/sandbox-proxy.yaml')];
  proxy = spawn(process.execPath, words, { cwd: root, stdio: 'ignore' });
});
afterAll(() => {
  proxy.kill();
  rmSync(place, { recursive: true });
});

test('the proxy is asked as the agent asks it, and a sandbox of its making sees nothing of ours', async ({ skip }) => {
  const socket = dockerSocket(process.env);
  const isThere = (await askEngine(socket)).kind === 'answers';
  if (!isThere || (await imageIdOf(socket, sandboxImageName)) === undefined) return skip('no engine with an image');
  await expect.poll(() => existsSync(join(place, 'sandbox.sock')), { timeout: 30_000 }).toBe(true);
  // Whoever would ask the engine itself finds none here.
  const env = { DOCKER_HOST: `unix://${join(place, 'nothing.sock')}` };
  const words = ['--config-dir', join(place, 'etc'), '--state-dir', join(place, 'none'), '--pki-dir', place];
  const { stdout } = await runVerb(['doctor', ...words], { env });
  expect(stdout).toMatch(/✓ Looked at .*Docker through the sandbox proxy alone/);
  expect(stdout).toMatch(/✓ Sandbox proxy +engine \S+, image sha256:/);
  expect(stdout).toMatch(/✓ Labels +a sandbox has no network, and sees nothing of ours/);
  expect(stdout).toMatch(/– coordinator +127\.0\.0\.1:1 was not asked: no key here that this user may read/);
  expect(readdirSync(join(place, 'agent/bundles'))).toEqual([]);
});
