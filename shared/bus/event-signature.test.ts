import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { createLocalPki } from '../pki/authority.ts';
import { checkEvent, knownCertificates, leewayMs, signEvent } from './event-signature.ts';

let pki: string;
beforeAll(async () => {
  pki = mkdtempSync(join(tmpdir(), 'doubleblind-signature-'));
  await createLocalPki(pki, 'host-a');
});

const subject = 'doubleblind.v1.run.r1.attempt.a1.attemptEnded';
const body = Buffer.from('{"v":1}');
const event = { subject, body, host: 'host-a' };
const file = (name: string): Buffer => readFileSync(join(pki, name));
const signed = () => signEvent(subject, body, { cert: file('gpu-agent.crt'), key: file('gpu-agent.key') });

test('an event of its host is taken, again and again; an altered one is not', () => {
  const authorities = file('ca.crt');
  for (let count = 0; count < 3; count += 1) {
    expect(checkEvent(event, signed(), authorities, new Date())).toMatchObject({ ok: true });
  }
  const altered = { ...event, body: Buffer.from('{"v":2}') };
  expect(checkEvent(altered, signed(), authorities, new Date())).toMatchObject({ error: 'badSignature' });
});

test('a certificate is known by what it is, and no text around it is kept', () => {
  const authorities = file('ca.crt');
  const { certificate, signature } = signed();
  const texts = Array.from({ length: 50 }, (_, spaces) => certificate + ' '.repeat(spaces));
  for (const text of texts) {
    expect(checkEvent(event, { certificate: text, signature }, authorities, new Date())).toMatchObject({ ok: true });
  }
  expect(knownCertificates(authorities)).toBe(1);
  const longest = certificate.padEnd(8 * 1024);
  expect(checkEvent(event, { certificate: longest, signature }, authorities, new Date())).toMatchObject({ ok: true });
  expect(checkEvent(event, { certificate: `${longest} `, signature }, authorities, new Date())).toMatchObject({
    error: 'foreignCertificate',
  });
});

test('bytes behind a certificate do not make it another one', () => {
  const authorities = file('ca.crt');
  const { certificate, signature } = signed();
  for (let count = 1; count < 20; count += 1) {
    const padded = Buffer.concat([Buffer.from(certificate, 'base64'), Buffer.alloc(count)]).toString('base64');
    checkEvent(event, { certificate: padded, signature }, authorities, new Date());
  }
  expect(knownCertificates(authorities)).toBeLessThanOrEqual(1);
});

test('a certificate is good for clocks that are wrong by up to two days, and no longer', () => {
  const certificate = new X509Certificate(file('gpu-agent.crt'));
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const at = (ms: number) => checkEvent(event, signed(), file('ca.crt'), new Date(ms));
  for (const ms of [from - leewayMs, from, to, to + leewayMs]) expect(at(ms)).toMatchObject({ ok: true });
  for (const ms of [from - leewayMs - 1, to + leewayMs + 1])
    expect(at(ms)).toMatchObject({ error: 'expiredCertificate' });
  expect(leewayMs).toBe(2 * 86_400_000);
});
