import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createAuthority, createLocalPki, describeCertificate, issueCertificate } from './authority.ts';

const temporary = (): string => mkdtempSync(join(tmpdir(), 'doubleblind-pki-'));

test('a leaf names one identity and its hosts, and its key is private', async () => {
  const directory = temporary();
  await createAuthority(directory);
  const hosts = ['gpu7.example.org', '10.0.0.7', '::2'];
  const leaf = await issueCertificate(directory, { role: 'gpu-agent', name: 'gpu7', hosts });
  const described = describeCertificate(readFileSync(leaf.certificate));
  expect(described.identity).toEqual({ role: 'gpu-agent', name: 'gpu7' });
  expect(described.alternativeNames).toContain('DNS:gpu7.example.org');
  expect(described.alternativeNames).toContain('IP Address:10.0.0.7');
  expect(described.notAfter.getTime() - Date.now()).toBeGreaterThan(364 * 86_400_000);
  expect(statSync(leaf.key).mode & 0o777).toBe(0o600);
  expect((await issueCertificate(directory, { role: 'gpu-agent', name: 'gpu7', hosts })).created).toBe(false);
});

test('a second run keeps what is valid and replaces what is not', async () => {
  const directory = temporary();
  await createLocalPki(directory, 'local');
  const before = readFileSync(join(directory, 'operator.crt'), 'utf8');
  await createLocalPki(directory, 'local');
  expect(readFileSync(join(directory, 'operator.crt'), 'utf8')).toBe(before);
  const other = { role: 'operator' as const, name: 'ada', hosts: [] };
  expect((await issueCertificate(directory, { ...other, days: 10 })).created).toBe(true);
  expect((await issueCertificate(directory, other)).created).toBe(true);
  expect((await issueCertificate(directory, other)).created).toBe(false);
  expect((await issueCertificate(directory, { ...other, hosts: ['new.example.org'] })).created).toBe(true);
});

test('without an authority the next step is named', async () => {
  await expect(issueCertificate(temporary(), { role: 'nats', name: 'local', hosts: [] })).rejects.toThrow('pki init');
});
