// Certificates are replaced under running daemons: what runs goes on, new connections get the new one, and an authority that was
// replaced is trusted no more. The files are looked at every ten seconds, so this takes as long.

import { copyFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../../shared/log.ts';
import { createLocalPki, describeCertificate, issueCertificate } from '../../../shared/pki/authority.ts';
import { createRpcClient } from '../../../shared/rpc/client.ts';
import { implement } from '../../../shared/rpc/handlers.ts';
import { type RpcServer, startRpcServer } from '../../../shared/rpc/server.ts';
import { tlsPathsIn } from '../../../shared/rpc/test-peers.ts';
import { measured } from '../../support/measured.ts';

let pki: string;
let server: RpcServer;
let calls = 0;

beforeAll(async () => {
  pki = mkdtempSync(join(tmpdir(), 'doubleblind-rotation-'));
  await createLocalPki(pki, 'local');
  const notHere = () => Promise.resolve({});
  server = await startRpcServer({
    listen: '127.0.0.1:0',
    tls: tlsPathsIn(pki, 'gpu-agent'),
    services: [
      implement('doubleblind.agent.v1.AgentService', {
        describeHost: async () => ({ host: String(++calls) }),
        startAttempt: notHere,
        cancelAttempt: notHere,
        renewLeases: notHere,
        confirmEvents: notHere,
        watchTranscript: async function* (_, { signal }) {
          for (let entry = 0; !signal.aborted; entry += 1) {
            yield { entry, json: '{}' };
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        },
      }),
    ],
    log: silentLogger,
  });
});
afterAll(() => server.stop(100));

/** The fingerprint of what the server shows a new connection. */
function shown(): Promise<string> {
  const { ca, certificate, key } = tlsPathsIn(pki, 'operator');
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{
        host: '127.0.0.1',
        port: server.port,
        servername: 'localhost',
        ALPNProtocols: ['h2'],
        minVersion: 'TLSv1.3',
      },
      ...{ ca: readFileSync(ca), cert: readFileSync(certificate), key: readFileSync(key) },
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
  });
}

const fingerprintOf = (path: string): string => describeCertificate(readFileSync(path)).fingerprint;

test('new leaves of a server and of its client are taken without a restart, and a stream that runs goes on', async ({
  task,
}) => {
  const address = server.address;
  const client = createRpcClient({
    ...{ service: 'doubleblind.agent.v1.AgentService' as const, address, expectRole: 'gpu-agent' as const },
    tls: tlsPathsIn(pki, 'coordinator'),
  });
  const before = await shown();
  let entries = 0;
  const controller = new AbortController();
  const stream = (async () => {
    for await (const _ of client.watchTranscript({ attemptId: 'a' }, { signal: controller.signal })) entries += 1;
  })().catch((error: unknown) => error);
  for (const role of ['gpu-agent', 'coordinator'] as const) {
    const leaf = await issueCertificate(pki, { role, name: 'local', hosts: ['new.example'], fileName: `new-${role}` });
    const paths = tlsPathsIn(pki, role);
    copyFileSync(leaf.key, paths.key);
    copyFileSync(leaf.certificate, paths.certificate);
  }
  await expect.poll(shown, { timeout: 40_000, interval: 500 }).toBe(fingerprintOf(join(pki, 'new-gpu-agent.crt')));
  expect(before).not.toBe(await shown());
  // The client looks at its files on a clock of its own.
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  const then = entries;
  await expect.poll(() => entries, { timeout: 20_000 }).toBeGreaterThan(then + 3);
  expect((await client.describeHost({}, { deadlineMs: 20_000 })).host).toBe(String(calls));
  measured(task, `a stream gave ${then} entries before and went on after both leaves were new`);
  controller.abort();
  await stream;
  client.close();
});

test('after the authority is replaced, leaves of the old one reach nothing', async () => {
  const old = mkdtempSync(join(tmpdir(), 'doubleblind-old-'));
  for (const file of ['ca.crt', 'coordinator.crt', 'coordinator.key']) copyFileSync(join(pki, file), join(old, file));
  const fresh = mkdtempSync(join(tmpdir(), 'doubleblind-fresh-'));
  await createLocalPki(fresh, 'local');
  // The authority first: a leaf of the new one that is shown then says that the old one has gone.
  for (const file of [
    'ca.crt',
    'gpu-agent.key',
    'gpu-agent.crt',
    'coordinator.crt',
    'coordinator.key',
    'operator.key',
    'operator.crt',
  ])
    copyFileSync(join(fresh, file), join(pki, file));
  await expect
    .poll(() => shown().catch(String), { timeout: 40_000, interval: 500 })
    .toBe(fingerprintOf(join(fresh, 'gpu-agent.crt')));
  const about = {
    service: 'doubleblind.agent.v1.AgentService' as const,
    address: server.address,
    expectRole: 'gpu-agent' as const,
  };
  const earlier = calls;
  const stale = createRpcClient({ ...about, tls: { ...tlsPathsIn(old, 'coordinator'), ca: join(fresh, 'ca.crt') } });
  await expect(stale.describeHost({}, { deadlineMs: 20_000 })).rejects.toMatchObject({ code: 'unavailable' });
  expect(calls).toBe(earlier);
  const current = createRpcClient({ ...about, tls: tlsPathsIn(pki, 'coordinator') });
  expect((await current.describeHost({}, { deadlineMs: 20_000 })).host).toBe(String(earlier + 1));
  stale.close();
  current.close();
});
