// A host with a valid certificate and all rights of a host on the bus forges, alters and replays result events. The reader is the
// coordinator's own bus; what epochs and order refuse beyond that is tried against a whole coordinator in coordinator.contract.test.ts.

import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, headers, type NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderNatsServerConfig } from '../../../deploy/nats/server-config.ts';
import { type Bus, connectBus } from '../../../shared/bus/bus.ts';
import {
  certificateHeader,
  type EventSignature,
  signatureHeader,
  signEvent,
} from '../../../shared/bus/event-signature.ts';
import { type ResultEvent, resultSubject } from '../../../shared/bus/messages.ts';
import { startTestNats, type TestNats } from '../../../shared/bus/test-nats.ts';
import { silentLogger } from '../../../shared/log.ts';
import { createLocalPki, issueCertificate } from '../../../shared/pki/authority.ts';
import { tlsPathsIn } from '../../../shared/rpc/test-peers.ts';
import type { TlsPaths } from '../../../shared/rpc/tls-files.ts';
import { measured } from '../../support/measured.ts';
import { strangeLeaf } from '../identities/strange-leaf.ts';

let pki: string;
let server: TestNats;
let evil: NatsConnection;
let honest: Bus;
let reader: Bus;
const accepted: ResultEvent[] = [];
const refusals: string[] = [];

beforeAll(async () => {
  pki = mkdtempSync(join(tmpdir(), 'doubleblind-forged-'));
  await createLocalPki(pki, 'victim');
  await issueCertificate(pki, { role: 'gpu-agent', name: 'evil', hosts: [], fileName: 'evil' });
  const render = (options: Parameters<typeof renderNatsServerConfig>[0]) => renderNatsServerConfig(options);
  server = await startTestNats(tlsPathsIn(pki, 'nats'), (options) => render({ ...options, hosts: ['victim', 'evil'] }));
  const tls = evilTls();
  const files = { caFile: tls.ca, certFile: tls.certificate, keyFile: tls.key };
  evil = await connect({ servers: server.address, tls: files, inboxPrefix: '_INBOX_evil', reconnect: false });
  const about = { servers: [server.address], name: 'test', log: silentLogger };
  honest = await connectBus({ ...about, tls: tlsPathsIn(pki, 'gpu-agent') });
  reader = await connectBus({ ...about, tls: tlsPathsIn(pki, 'coordinator') });
  reader.consumeResults(
    async (event) => void accepted.push(event),
    (why) => refusals.push(why),
  );
});
afterAll(async () => {
  await evil.close();
  await honest.close();
  await reader.close();
  await server.stop();
});

function evilTls(): TlsPaths {
  return { ca: join(pki, 'ca.crt'), certificate: join(pki, 'evil.crt'), key: join(pki, 'evil.key') };
}

const ended = (host: string, seq: number, epoch = 1): ResultEvent => ({
  ...{ v: 1, host, bootId: 'boot', seq, runId: 'r1', attemptId: 'a1', epoch, kind: 'attemptEnded' },
  body: {
    artifacts: { submission: 'f'.repeat(64) },
    usage: {
      wallSeconds: 1,
      peakMemoryBytes: 1,
      cpuSeconds: 1,
      slotSeconds: 1,
      turns: 1,
      inputTokens: 1,
      outputTokens: 1,
      dollars: 0,
    },
    runSeconds: 1,
    note: 'a forged score',
  },
});

const materialOf = (tls: TlsPaths) => ({ cert: readFileSync(tls.certificate), key: readFileSync(tls.key) });

/** Puts bytes into the stream as the evil host, signed as told. */
async function put(subject: string, body: Uint8Array, signature: Partial<EventSignature>): Promise<void> {
  const carried = headers();
  if (signature.certificate !== undefined) carried.set(certificateHeader, signature.certificate);
  if (signature.signature !== undefined) carried.set(signatureHeader, signature.signature);
  await expect
    .poll(
      () =>
        evil
          .jetstream()
          .publish(subject, body, { headers: carried })
          .then(() => 'taken', String),
      { timeout: 20_000 },
    )
    .toBe('taken');
}

const bytesOf = (event: ResultEvent): Buffer => Buffer.from(JSON.stringify(event));

test('0 of 1,000 events of another host are accepted, whatever they are signed with', async ({ task }) => {
  const own = materialOf(evilTls());
  const victim = ended('victim', 1);
  const subject = resultSubject(victim);
  const stolen = signEvent(subject, bytesOf(victim), materialOf(tlsPathsIn(pki, 'gpu-agent')));
  const old = materialOf(await strangeLeaf(pki, 'old', { days: -5, uris: ['spiffe://doubleblind/gpu-agent/victim'] }));
  const two = materialOf(
    await strangeLeaf(pki, 'two', {
      uris: ['spiffe://doubleblind/gpu-agent/evil', 'spiffe://doubleblind/gpu-agent/victim'],
    }),
  );
  const byOwnLeaf = materialOf(
    await strangeLeaf(pki, 'chained', {
      uris: ['spiffe://doubleblind/gpu-agent/victim'],
      issuer: { certificate: join(pki, 'evil.crt'), key: join(pki, 'evil.key') },
    }),
  );
  const elsewhere = mkdtempSync(join(tmpdir(), 'doubleblind-other-'));
  await createLocalPki(elsewhere, 'victim');
  const foreign = materialOf(tlsPathsIn(elsewhere, 'gpu-agent'));
  const coordinator = materialOf(tlsPathsIn(pki, 'coordinator'));
  const ways: ((bytes: Buffer) => Partial<EventSignature>)[] = [
    () => ({}),
    () => ({ certificate: stolen.certificate }),
    () => ({ signature: stolen.signature }),
    // The signature of another event of the victim, as it was seen before.
    () => stolen,
    (bytes) => signEvent(subject, bytes, own),
    (bytes) => ({ ...signEvent(subject, bytes, own), certificate: stolen.certificate }),
    (bytes) => ({
      ...stolen,
      signature: signEvent('doubleblind.v1.run.r1.attempt.a2.attemptEnded', bytes, own).signature,
    }),
    (bytes) => signEvent(subject, bytes, old),
    (bytes) => signEvent(subject, bytes, two),
    (bytes) => signEvent(subject, bytes, byOwnLeaf),
    (bytes) => signEvent(subject, bytes, foreign),
    (bytes) => signEvent(subject, bytes, coordinator),
    () => ({ certificate: 'AAAA', signature: 'AAAA' }),
    () => ({ certificate: stolen.certificate, signature: '' }),
  ];
  for (let index = 0; index < 1000; index += 1) {
    const bytes = bytesOf(ended('victim', 2 + index, 1 + (index % 5)));
    await put(subject, bytes, ways[index % ways.length]?.(bytes) ?? {});
  }
  // The last of all is true, so that its arrival says that the others have been read.
  await honest.publishResult(ended('victim', 5000));
  await expect.poll(() => accepted.length, { timeout: 20_000 }).toBeGreaterThan(0);
  expect(accepted.map(({ seq }) => seq)).toEqual([5000]);
  expect(refusals).toHaveLength(1000);
  expect(new Set(refusals)).toEqual(
    new Set(['unsigned', 'foreignCertificate', 'expiredCertificate', 'otherHost', 'badSignature']),
  );
  const counts = Object.entries(Object.groupBy(refusals, (why) => why)).map(
    ([why, all = []]) => `${why} ${all.length}`,
  );
  measured(task, `1,000 forged, 0 accepted: ${counts.join(', ')}`);
});

test('one altered bit, another subject or other bytes for the same event are refused; its own replay is only a repeat', async () => {
  accepted.length = 0;
  refusals.length = 0;
  const true_ = ended('evil', 1);
  const subject = resultSubject(true_);
  const signature = signEvent(subject, bytesOf(true_), materialOf(evilTls()));
  for (let bit = 0; bit < 64; bit += 1) {
    const altered = Buffer.from(signature.signature, 'base64');
    altered[Math.floor(bit / 8)] = (altered[Math.floor(bit / 8)] ?? 0) ^ (1 << (bit % 8));
    await put(subject, bytesOf(true_), { ...signature, signature: altered.toString('base64') });
  }
  await put(subject, Buffer.concat([bytesOf(true_), Buffer.from(' ')]), signature);
  await put(subject, bytesOf({ ...true_, epoch: 2 }), signature);
  await put(resultSubject({ ...true_, attemptId: 'a2' }), bytesOf({ ...true_, attemptId: 'a2' }), signature);
  // Positive control: as it was signed, twice; the coordinator knows the repeat by its host, boot and number.
  await put(subject, bytesOf(true_), signature);
  await put(subject, bytesOf(true_), signature);
  await expect.poll(() => accepted.length, { timeout: 20_000 }).toBe(2);
  expect(accepted).toEqual([true_, true_]);
  expect(refusals).toHaveLength(67);
});

test('unsigned events are taken where the operator says so for the time of an upgrade, and forged ones still are not', async () => {
  accepted.length = 0;
  refusals.length = 0;
  await reader.close();
  const tls = tlsPathsIn(pki, 'coordinator');
  reader = await connectBus({ servers: [server.address], tls, name: 'test', log: silentLogger, acceptUnsigned: true });
  reader.consumeResults(
    async (event) => void accepted.push(event),
    (why) => refusals.push(why),
  );
  const event = ended('victim', 6000);
  const bytes = bytesOf(event);
  await put(resultSubject(event), bytes, signEvent(resultSubject(event), bytes, materialOf(evilTls())));
  await put(resultSubject(event), bytes, {});
  await expect.poll(() => accepted.length, { timeout: 20_000 }).toBe(1);
  expect(refusals).toEqual(['otherHost']);
});
