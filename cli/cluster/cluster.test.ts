import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { clusterRecord } from '../context.ts';
import { releaseCluster, runningCluster, takeCluster } from './cluster-lock.ts';
import { configFiles, daemonEnvironment, proxyConfig, sandboxEnvironment } from './config-files.ts';
import { layoutOf } from './layout.ts';
import { refuseTakenPorts } from './ports.ts';
import { refuseLongPath } from './sockets.ts';

let state: string;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'doubleblind-cluster-'));
});

afterEach(() => {
  rmSync(state, { recursive: true, force: true });
});

const record = (pid: number) => ({
  pid,
  startedAt: '2026-03-01T09:00:00Z',
  ready: true,
  addresses: { coordinator: '127.0.0.1:1' },
});

test('a record of a process that is gone is taken over, and given back by its owner alone', () => {
  mkdirSync(join(state, 'run'));
  writeFileSync(join(state, 'run/cluster.json'), JSON.stringify(record(2 ** 22 + 1)));
  expect(runningCluster(state)).toBeUndefined();
  takeCluster(state, record(process.pid));
  expect(clusterRecord(state)?.pid).toBe(process.pid);
  releaseCluster(state);
  expect(clusterRecord(state)).toBeUndefined();
  writeFileSync(join(state, 'run/cluster.json'), JSON.stringify(record(1)));
  releaseCluster(state);
  expect(clusterRecord(state)?.pid).toBe(1);
});

test('a record that cannot be read counts as none', () => {
  mkdirSync(join(state, 'run'));
  for (const text of ['', '{', '[]', '{"pid":"x"}']) {
    writeFileSync(join(state, 'run/cluster.json'), text);
    expect(clusterRecord(state)).toBeUndefined();
  }
});

test('a port that is taken is named, with who has it and the way out', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const layout = layoutOf(state, join(state, 'pki'), port - 1);
  await expect(refuseTakenPorts(layout)).rejects.toMatchObject({
    exitCode: 6,
    message: expect.stringMatching(new RegExp(`Port ${port}, meant for coordinator, is taken by .*pid ${process.pid}`)),
    nextSteps: expect.arrayContaining([expect.stringContaining('--port-base')]),
  });
  server.close();
});

test('the daemons are told of each other, of their certificates, and of a key only by its path', () => {
  const layout = layoutOf('/state', '/state/pki', 7440);
  const options = {
    layout,
    cpuSlots: 4,
    trajectoriesPerSlot: 1,
    sandboxImage: 'sha256:1',
    dockerSocket: '/var/run/docker.sock',
    sandboxEnvironment: {},
    hostName: 'local',
    model: { baseUrl: 'https://models.test/v1', keyFile: '/keys/one', model: 'm', price: { input: 3, output: 15 } },
    gatewaySettings: undefined,
    tracesEndpoint: '',
  };
  const files = configFiles(options);
  expect(files.coordinator).toMatchObject({
    listen: '127.0.0.1:7441',
    stateDirectory: '/state/coordinator',
    evaluator: { address: '127.0.0.1:7443' },
    gateway: { address: '127.0.0.1:7444' },
    nats: { servers: ['127.0.0.1:7445'] },
    tls: { certificate: '/state/pki/coordinator.crt' },
  });
  expect(files['gpu-agent']).toMatchObject({ advertise: '127.0.0.1:7442', slots: { cpu: 4 } });
  // The engine's socket is the proxy's, and the agent is told of the proxy's alone.
  expect(JSON.stringify(files['gpu-agent'])).not.toContain('docker');
  expect(files['gpu-agent']).toMatchObject({ sandbox: { proxySocket: '/state/run/sandbox.sock' } });
  expect(proxyConfig(options)).toEqual({
    listen: '/state/run/sandbox.sock',
    docker: { socket: '/var/run/docker.sock' },
    image: 'sha256:1',
    agentStateDirectory: '/state/gpu-agent',
  });
  expect(files['llm-gateway']).toMatchObject({
    upstreams: [{ keyFile: '/keys/one', models: [{ name: 'm', outputDollarsPerMillion: 15 }] }],
  });
});

test('a daemon gets neither settings nor secrets from the user’s environment', () => {
  const env = {
    PATH: '/bin',
    HOME: '/root',
    OPENAI_API_KEY: 'secret',
    DOUBLEBLIND_STATE_DIR: '/x',
    AWS_SECRET_ACCESS_KEY: 'secret',
    https_proxy: 'http://proxy',
    NODE_OPTIONS: '--inspect',
    OPENBLAS_CORETYPE: 'Haswell',
  };
  expect(daemonEnvironment(env)).toEqual({ PATH: '/bin', HOME: '/root', https_proxy: 'http://proxy' });
  expect(sandboxEnvironment(env)).toEqual({ OPENBLAS_CORETYPE: 'Haswell' });
});

test('a state directory whose socket the kernel could not take is refused with a way out', () => {
  expect(() => refuseLongPath(`/${'x'.repeat(106)}`)).not.toThrow();
  expect(() => refuseLongPath(`/${'x'.repeat(107)}`)).toThrow(/longer than the 107 bytes/);
});
