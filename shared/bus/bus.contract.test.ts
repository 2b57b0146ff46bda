import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection } from 'nats';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { renderNatsServerConfig } from '../../deploy/nats/server-config.ts';
import { createLogger, silentLogger } from '../log.ts';
import { createLocalPki, issueCertificate } from '../pki/authority.ts';
import { tlsPathsIn } from '../rpc/test-peers.ts';
import type { TlsPaths } from '../rpc/tls-files.ts';
import { attemptSpan, currentSpan } from '../tracing/context.ts';
import { type Bus, connectBus } from './bus.ts';
import { type Heartbeat, type ResultEvent, resultSubject } from './messages.ts';
import { startTestNats, type TestNats } from './test-nats.ts';

let pki: string;
let server: TestNats;
const open: (Bus | NatsConnection)[] = [];

beforeAll(async () => {
  pki = mkdtempSync(join(tmpdir(), 'doubleblind-bus-pki-'));
  await createLocalPki(pki, 'host-a');
  server = await startTestNats(tlsPathsIn(pki, 'nats'), (options) =>
    renderNatsServerConfig({ ...options, hosts: ['host-a'] }),
  );
});
afterEach(async () => {
  for (const bus of open.splice(0)) await bus.close();
});
afterAll(() => server.stop());

async function bus(tls: TlsPaths, rereadMs?: number): Promise<Bus> {
  const watch = rereadMs === undefined ? {} : { rereadMs };
  const opened = await connectBus({ servers: [server.address], tls, name: 'test', log: silentLogger, ...watch });
  open.push(opened);
  return opened;
}

async function rawClient(tls: TlsPaths, prefix: string): Promise<NatsConnection> {
  const files = { caFile: tls.ca, certFile: tls.certificate, keyFile: tls.key };
  const client = await connect({ servers: server.address, tls: files, inboxPrefix: prefix, reconnect: false });
  open.push(client);
  return client;
}

const heartbeat = (host: string, seq: number): Heartbeat => ({
  v: 1,
  host,
  bootId: 'boot',
  seq,
  address: '127.0.0.1:7442',
  version: '0.1.0',
  draining: false,
  slots: [],
  outboxEvents: 0,
});

const started = (seq: number, attemptId = 'a1'): ResultEvent => ({
  v: 1,
  host: 'host-a',
  bootId: 'boot',
  seq,
  runId: 'r1',
  attemptId,
  epoch: 1,
  kind: 'attemptStarted',
  body: { slotId: 'cpu-0' },
});

/** Publishes until the bus takes it: the stream may be a moment away. */
async function publishSurely(agent: Bus, event: ResultEvent): Promise<void> {
  await expect.poll(() => agent.publishResult(event).then(() => 'taken', String), { timeout: 20_000 }).toBe('taken');
}

test('heartbeats of a host reach the coordinator', async () => {
  const coordinator = await bus(tlsPathsIn(pki, 'coordinator'));
  const agent = await bus(tlsPathsIn(pki, 'gpu-agent'));
  const seen: string[] = [];
  coordinator.subscribeHeartbeats(({ host, seq }) => seen.push(`${host}:${seq}`));
  await expect
    .poll(() => {
      agent.publishHeartbeat(heartbeat('host-a', 1));
      return seen;
    })
    .toContain('host-a:1');
  expect(coordinator.status()).toBe('connected');
});

test('what one host says cannot make the coordinator deaf to the others', async () => {
  const coordinator = await bus(tlsPathsIn(pki, 'coordinator'));
  const agent = await bus(tlsPathsIn(pki, 'gpu-agent'));
  const seen: number[] = [];
  coordinator.subscribeHeartbeats(({ seq }) => {
    seen.push(seq);
    if (seq === 1) throw new Error('a bug of ours');
  });
  await expect
    .poll(() => {
      agent.publishHeartbeat(heartbeat('host-a', 1));
      agent.publishHeartbeat({ ...heartbeat('host-a', 2), address: '' });
      agent.publishHeartbeat(heartbeat('host-a', 3));
      return seen;
    })
    .toContain(3);
  expect(seen).not.toContain(2);
});

test("an event comes again until its handler resolves, and then no more, each time under its attempt's span", async () => {
  const coordinator = await bus(tlsPathsIn(pki, 'coordinator'));
  const agent = await bus(tlsPathsIn(pki, 'gpu-agent'));
  const seen: number[] = [];
  coordinator.consumeResults(async ({ seq }) => {
    seen.push(seq);
    expect(currentSpan()).toEqual(attemptSpan(started(seq)));
    if (seq === 1 && seen.filter((one) => one === 1).length < 3) throw new Error('the journal is busy');
  });
  await publishSurely(agent, started(1));
  await publishSurely(agent, started(2));
  await publishSurely(agent, started(2));
  await expect.poll(() => seen.filter((seq) => seq === 1).length, { timeout: 10_000 }).toBe(3);
  await publishSurely(agent, started(3));
  await expect.poll(() => seen.includes(3)).toBe(true);
  expect(seen.filter((seq) => seq === 1)).toHaveLength(3);
  expect(seen.filter((seq) => seq === 2)).toHaveLength(1);
});

test('something that is no event is dropped and does not stop the others', async () => {
  const coordinator = await bus(tlsPathsIn(pki, 'coordinator'));
  const agent = await bus(tlsPathsIn(pki, 'gpu-agent'));
  const seen: number[] = [];
  coordinator.consumeResults(async ({ seq }) => {
    seen.push(seq);
  });
  await publishSurely(agent, started(10));
  const raw = await rawClient(tlsPathsIn(pki, 'gpu-agent'), '_INBOX_host-a');
  await raw.jetstream().publish(resultSubject(started(11)), '{"v":1,"kind":"nonsense"}');
  await raw.jetstream().publish('doubleblind.v1.run.other.attempt.a.attemptStarted', JSON.stringify(started(12)));
  await publishSurely(agent, started(13));
  await expect.poll(() => seen.includes(13)).toBe(true);
  expect(seen).not.toContain(12);
});

test('what is being published when the server dies is given up at once, not when its time is over', async () => {
  const agent = await bus(tlsPathsIn(pki, 'gpu-agent'));
  const coordinator = await bus(tlsPathsIn(pki, 'coordinator'));
  const seen: number[] = [];
  coordinator.consumeResults(async ({ seq }) => {
    seen.push(seq);
  });
  await publishSurely(agent, started(15));
  // A server that takes bytes and does nothing with them.
  process.kill(server.pid, 'SIGSTOP');
  const failure = agent.publishResult(started(16)).catch((error: Error) => String(error.cause));
  await server.kill('SIGKILL');
  expect(await failure).toContain('the connection broke');
  await server.restart();
  await publishSurely(agent, started(16));
  await expect.poll(() => seen.includes(16), { timeout: 20_000 }).toBe(true);
});

test('after the server lost its whole store, publishing and consuming go on', async () => {
  const coordinator = await bus(tlsPathsIn(pki, 'coordinator'));
  const agent = await bus(tlsPathsIn(pki, 'gpu-agent'));
  const seen: number[] = [];
  coordinator.consumeResults(async ({ seq }) => {
    seen.push(seq);
  });
  await publishSurely(agent, started(20));
  await expect.poll(() => seen.includes(20)).toBe(true);
  await server.kill('SIGKILL');
  await expect.poll(() => agent.status()).toBe('disconnected');
  await expect(agent.publishResult(started(21))).rejects.toThrow('not connected');
  server.loseStore();
  await server.restart();
  await publishSurely(agent, started(21));
  await expect.poll(() => seen.includes(21), { timeout: 20_000 }).toBe(true);
});

test('renewed certificates are in use within seconds on both sides, and no event is lost meanwhile', async () => {
  const coordinator = await bus(tlsPathsIn(pki, 'coordinator'), 20);
  const tls = tlsPathsIn(pki, 'gpu-agent');
  const agent = await bus(tls, 20);
  const seen = new Set<number>();
  coordinator.consumeResults(async ({ seq }) => {
    seen.add(seq);
  });
  await publishSurely(agent, started(30));
  await expect.poll(() => seen.has(30), { timeout: 20_000 }).toBe(true);
  const [first, last] = [40, 200];
  const publishing = (async () => {
    for (let seq = first; seq <= last; seq += 1) await publishSurely(agent, started(seq));
  })();
  const moments = { agent: [] as string[], coordinator: [] as string[] };
  const watch = setInterval(() => {
    moments.agent.push(agent.status());
    moments.coordinator.push(coordinator.status());
  }, 1);
  await issueCertificate(pki, { role: 'gpu-agent', name: 'host-a', hosts: [], renew: true });
  await expect.poll(() => moments.agent.includes('disconnected'), { interval: 5 }).toBe(true);
  await issueCertificate(pki, { role: 'coordinator', name: 'local', hosts: [], renew: true });
  await expect.poll(() => moments.coordinator.includes('disconnected'), { interval: 5 }).toBe(true);
  clearInterval(watch);
  await publishing;
  const all = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  await expect.poll(() => all.filter((seq) => !seen.has(seq)), { timeout: 60_000 }).toEqual([]);
  // That it is the new one is seen where the server knows its bearer no more, and again where it does.
  await issueCertificate(pki, { role: 'gpu-agent', name: 'stranger', hosts: [], renew: true });
  await expect.poll(() => agent.status()).toBe('disconnected');
  await expect(agent.publishResult(started(300))).rejects.toThrow('not connected');
  await issueCertificate(pki, { role: 'gpu-agent', name: 'host-a', hosts: [], renew: true });
  await publishSurely(agent, started(300));
});

test('a renewal is no warning; that the server does not take the new certificate is one', async () => {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const log = createLogger({ name: 'test', level: 'info', destination });
  const tls = tlsPathsIn(pki, 'gpu-agent');
  open.push(await connectBus({ servers: [server.address], tls, name: 'test', log, rereadMs: 20 }));
  const said = (level: string) => lines.filter((line) => line['level'] === level).map((line) => line['message']);
  await issueCertificate(pki, { role: 'gpu-agent', name: 'host-a', hosts: [], renew: true });
  await expect.poll(() => said('info'), { timeout: 10_000 }).toContain('the bus is connected again');
  expect(said('info')).toContain('the bus is disconnected, as it was asked to be');
  expect(said('warn')).toEqual([]);
  await issueCertificate(pki, { role: 'gpu-agent', name: 'stranger', hosts: [], renew: true });
  const late = 'the bus is disconnected since the new certificate';
  await expect.poll(() => said('warn'), { timeout: 15_000 }).toContain(late);
  await issueCertificate(pki, { role: 'gpu-agent', name: 'host-a', hosts: [], renew: true });
  await expect.poll(() => said('info').at(-1), { timeout: 20_000 }).toBe('the bus is connected again');
});

test('a bus whose server is not there yet comes back disconnected and connects later', async () => {
  await server.kill('SIGTERM');
  const agent = await bus(tlsPathsIn(pki, 'gpu-agent'));
  expect(agent.status()).toBe('disconnected');
  agent.publishHeartbeat(heartbeat('host-a', 2));
  await server.restart();
  await expect.poll(() => agent.status(), { timeout: 20_000 }).toBe('connected');
});
