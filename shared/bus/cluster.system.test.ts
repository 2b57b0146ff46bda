// Three nats-servers as one cluster: what an operator gets who cannot do without one of them.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderNatsServerConfig } from '../../deploy/nats/server-config.ts';
import { present } from '../core/assert.ts';
import { silentLogger } from '../log.ts';
import { createLocalPki } from '../pki/authority.ts';
import { tlsPathsIn } from '../rpc/test-peers.ts';
import { connectBus } from './bus.ts';
import { eventStream, inboxPrefix, type ResultEvent } from './messages.ts';
import { startTestNats, type TestNats } from './test-nats.ts';

const pki = mkdtempSync(join(tmpdir(), 'doubleblind-cluster-'));
let servers: TestNats[] = [];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

beforeAll(async () => {
  await createLocalPki(pki, 'host-a');
  const routes = await Promise.all([1, 2, 3].map(async () => `localhost:${await freePort()}`));
  servers = await Promise.all(
    routes.map((listen, index) =>
      startTestNats(tlsPathsIn(pki, 'nats'), (options) =>
        renderNatsServerConfig({ ...options, hosts: ['host-a'], serverName: `n${index}`, cluster: { listen, routes } }),
      ),
    ),
  );
});

afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(pki, { recursive: true });
});

const started = (seq: number): ResultEvent => ({
  v: 1,
  host: 'host-a',
  bootId: 'boot',
  seq,
  runId: 'r1',
  attemptId: `a${seq}`,
  epoch: 1,
  kind: 'attemptStarted',
  body: { slotId: 'cpu-0' },
});

/** The server that leads the stream, by its name. */
async function leader(): Promise<string> {
  const { ca, certificate, key } = tlsPathsIn(pki, 'coordinator');
  const client = await connect({
    servers: servers.map(({ address }) => address),
    tls: { caFile: ca, certFile: certificate, keyFile: key },
    inboxPrefix: inboxPrefix({ role: 'coordinator', name: 'local' }),
  });
  try {
    const { cluster, config } = await (await client.jetstreamManager()).streams.info(eventStream);
    expect(config.num_replicas).toBe(3);
    return cluster?.leader ?? '';
  } finally {
    await client.close();
  }
}

test('with three servers the loss of the one that leads costs no event and no restart', {
  timeout: 120_000,
}, async () => {
  const addresses = servers.map(({ address }) => address);
  const options = { servers: addresses, log: silentLogger };
  const coordinator = await connectBus({ ...options, replicas: 3, tls: tlsPathsIn(pki, 'coordinator'), name: 'c' });
  const agent = await connectBus({ ...options, tls: tlsPathsIn(pki, 'gpu-agent'), name: 'a' });
  const seen = new Set<number>();
  coordinator.consumeResults(async ({ seq }) => void seen.add(seq));
  const publish = (seq: number): Promise<void> =>
    expect
      .poll(() => agent.publishResult(started(seq)).then(() => 'taken', String), { timeout: 40_000, interval: 200 })
      .toBe('taken');
  for (let seq = 1; seq <= 20; seq += 1) await publish(seq);
  const name = await leader();
  await present(servers[Number(name.slice(1))], `the server ${name}`).kill('SIGKILL');
  for (let seq = 21; seq <= 40; seq += 1) await publish(seq);
  await expect.poll(() => seen.size, { timeout: 40_000 }).toBe(40);
  await Promise.all([agent.close(), coordinator.close()]);
});
