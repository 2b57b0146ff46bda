// Connections that were opened while a certificate was good, and are kept open: by a host whose certificate ends, and by one of an
// authority that was replaced, which is how a stolen key is locked out. Neither may go on for as long as it keeps its connection.

import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../../shared/log.ts';
import { createLocalPki } from '../../../shared/pki/authority.ts';
import { createRpcClient } from '../../../shared/rpc/client.ts';
import { implement } from '../../../shared/rpc/handlers.ts';
import { type RpcServer, startRpcServer } from '../../../shared/rpc/server.ts';
import { tlsPathsIn } from '../../../shared/rpc/test-peers.ts';
import type { TlsPaths } from '../../../shared/rpc/tls-files.ts';
import { strangeLeaf } from './strange-leaf.ts';

const service = 'doubleblind.coordinator.v1.AttemptService';
const options = { deadlineMs: 20_000 };
let pki: string;
let server: RpcServer;

beforeAll(async () => {
  pki = mkdtempSync(join(tmpdir(), 'doubleblind-open-'));
  await createLocalPki(pki, 'local');
  const scoreSubmission = () => Promise.resolve({ feedback: 'told' });
  const services = [implement(service, { scoreSubmission })];
  const tls = tlsPathsIn(pki, 'coordinator');
  const times = { rereadMs: 10, replacedGraceMs: 50 };
  server = await startRpcServer({ listen: '127.0.0.1:0', tls, services, log: silentLogger, ...times });
});
afterAll(() => server.stop(100));

function clientWith(tls: TlsPaths) {
  return createRpcClient<typeof service>({ service, address: server.address, tls, expectRole: 'coordinator' });
}

test('a certificate that ends while its connection is open is refused at the next call', async () => {
  const uris = ['spiffe://doubleblind/gpu-agent/local'];
  const secondsFromNow = (seconds: number): number => seconds / 86_400;
  const host = clientWith(await strangeLeaf(pki, 'short', { uris, days: secondsFromNow(4) }));
  // Positive control: the same connection, and one whose certificate goes on.
  expect(await host.scoreSubmission({}, options)).toMatchObject({ feedback: 'told' });
  const ask = (): Promise<string> =>
    host.scoreSubmission({}, options).then(
      () => 'told',
      ({ code }) => String(code),
    );
  await expect.poll(ask, { timeout: 20_000, interval: 200 }).toBe('unauthenticated');
  const other = clientWith(tlsPathsIn(pki, 'gpu-agent'));
  expect(await other.scoreSubmission({}, options)).toMatchObject({ feedback: 'told' });
  for (const client of [host, other]) client.close();
});

test('a connection of an authority that was replaced ends', async () => {
  const [old, fresh] = ['stolen', 'fresh'].map((name) => mkdtempSync(join(tmpdir(), `doubleblind-${name}-`))) as [
    string,
    string,
  ];
  await createLocalPki(fresh, 'local');
  for (const file of ['gpu-agent.crt', 'gpu-agent.key']) copyFileSync(join(pki, file), join(old, file));
  // The thief takes a server of either authority, so that the refusal is the server's.
  writeFileSync(join(old, 'ca.crt'), [pki, fresh].map((of) => readFileSync(join(of, 'ca.crt'), 'utf8')).join(''));
  const stolen = clientWith(tlsPathsIn(old, 'gpu-agent'));
  const ask = (): Promise<string> =>
    stolen.scoreSubmission({}, options).then(
      () => 'told',
      ({ code }) => String(code),
    );
  expect(await ask()).toBe('told');
  for (const file of ['ca.crt', 'coordinator.crt', 'coordinator.key']) copyFileSync(join(fresh, file), join(pki, file));
  await expect.poll(ask, { timeout: 20_000, interval: 50 }).toBe('unavailable');
  // Positive control: who has the new authority's is heard.
  const current = clientWith(tlsPathsIn(fresh, 'gpu-agent'));
  expect(await current.scoreSubmission({}, options)).toMatchObject({ feedback: 'told' });
  for (const client of [stolen, current]) client.close();
});
