// What an operator learns of a certificate that a daemon cannot take: a warning, and the metric that alerts look at.

import { copyFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createLogger, silentLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import { createLocalPki, describeCertificate, issueCertificate } from '../pki/authority.ts';
import { observeCertificates } from './certificate-metrics.ts';
import { createRpcClient } from './client.ts';
import { RpcFault } from './fault.ts';
import { implement } from './handlers.ts';
import { startRpcServer } from './server.ts';
import { tlsPathsIn } from './test-peers.ts';
import { readTlsFiles } from './tls-files.ts';

const notHere = () => Promise.reject(new RpcFault('unimplemented', 'not here'));
const noArtifacts = { putArtifact: notHere, putSmallArtifacts: notHere, getArtifact: async function* () {} };
const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

test('a pair that does not fit is a warning with both files and a metric of 0; one that does ends both', async () => {
  const pki = mkdtempSync(join(tmpdir(), 'doubleblind-certificates-'));
  await createLocalPki(pki, 'local');
  const tls = tlsPathsIn(pki, 'evaluator');
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const log = createLogger({ name: 'test', level: 'info', destination });
  const server = await startRpcServer({ listen: '127.0.0.1:0', tls, services: [], log, rereadMs: 10 });
  stops.push(() => server.stop(0));
  const metrics = createMetrics('doubleblind_test');
  const watch = observeCertificates(metrics, tls, 10);
  stops.push(() => watch.stop());
  const value = async (name: string): Promise<number> =>
    Number(new RegExp(`^doubleblind_certificate_${name} (\\S+)$`, 'm').exec(await metrics.text())?.[1]);
  const own = 'expiry_timestamp_seconds\\{certificate="own"\\}';
  const ends = (): number => describeCertificate(readTlsFiles(tls).cert).notAfter.getTime() / 1000;
  const before = ends();
  expect(await value(own)).toBe(before);
  expect(await value('last_reload_successful')).toBe(1);

  copyFileSync(join(pki, 'nats.key'), tls.key);
  await expect
    .poll(() => lines.find(({ level }) => level === 'warn'))
    .toMatchObject({
      certificate: tls.certificate,
      key: tls.key,
      message: 'new certificate refused; the one before stays in use',
    });
  expect(await value('last_reload_successful')).toBe(0);
  expect(await value(own)).toBe(before);

  await issueCertificate(pki, { role: 'evaluator', name: 'local', hosts: [], days: 90, renew: true });
  await expect.poll(() => value('last_reload_successful')).toBe(1);
  expect(await value(own)).toBe(ends());
  expect(ends()).toBeLessThan(before);
});

test('a client whose own certificate has ended says so, and not that the peer is away', async () => {
  const pki = mkdtempSync(join(tmpdir(), 'doubleblind-certificates-'));
  await createLocalPki(pki, 'local');
  await issueCertificate(pki, { role: 'operator', name: 'alice', hosts: [], renew: true, days: -1 });
  const services = [implement('doubleblind.coordinator.v1.ArtifactService', noArtifacts)];
  const server = await startRpcServer({
    ...{ listen: '127.0.0.1:0', tls: tlsPathsIn(pki, 'coordinator'), services, log: silentLogger },
  });
  stops.push(() => server.stop(0));
  const tls = tlsPathsIn(pki, 'operator');
  const client = createRpcClient({
    ...{
      service: 'doubleblind.coordinator.v1.ArtifactService',
      address: server.address,
      tls,
      expectRole: 'coordinator',
    },
  } as const);
  stops.push(() => client.close());
  const fault = await client
    .putSmallArtifacts({ artifacts: [] }, { deadlineMs: 10_000 })
    .catch((error: unknown) => error);
  const day = describeCertificate(readTlsFiles(tls).cert).notAfter.toISOString().slice(0, 10);
  expect(fault).toMatchObject({
    code: 'unavailable',
    reason: 'certificateEnded',
    message: `your certificate ${tls.certificate} ended on ${day}; renew it with: doubleblind pki issue operator --name alice --renew --out DIR`,
  });
});
