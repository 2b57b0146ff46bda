import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeCertificate } from '../../shared/pki/authority.ts';
import { runVerb } from '../testing/run-verb.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doubleblind-pki-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('pki issue makes what another host needs, and nothing that would let it issue more', async () => {
  const pki = join(directory, 'pki');
  expect((await runVerb(['pki', 'init', '--pki-dir', pki])).code).toBe(0);
  const out = join(directory, 'gpu-1');
  const words = ['--name', 'gpu-1', '--host', 'gpu-1.lan', '--host', '10.0.0.7', '--pki-dir', pki, '--out', out];
  const seen = await runVerb(['pki', 'issue', 'gpu-agent', ...words]);
  expect(seen.code, seen.stderr).toBe(0);
  const certificate = describeCertificate(readFileSync(join(out, 'gpu-agent.crt')));
  expect(certificate.identity).toEqual({ role: 'gpu-agent', name: 'gpu-1' });
  expect(certificate.alternativeNames).toEqual(expect.arrayContaining(['DNS:gpu-1.lan', 'IP Address:10.0.0.7']));
  expect(statSync(join(out, 'gpu-agent.key')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(out, 'ca.crt'), 'utf8')).toBe(readFileSync(join(pki, 'ca.crt'), 'utf8'));
  expect(() => statSync(join(out, 'ca.key'))).toThrow('ENOENT');

  const keyOf = (): string => readFileSync(join(out, 'gpu-agent.key'), 'utf8');
  const first = keyOf();
  const again = await runVerb(['pki', 'issue', 'gpu-agent', ...words]);
  expect(again.stdout).toContain('--renew makes a new one');
  expect(keyOf()).toBe(first);
  expect((await runVerb(['pki', 'issue', 'gpu-agent', ...words, '--renew'])).code).toBe(0);
  expect(keyOf()).not.toBe(first);
});

test('a DNS name for a name is refused with what would do, before anything is made', async () => {
  const issue = ['pki', 'issue', 'gpu-agent', '--name', 'gpu-1.lan', '--pki-dir', directory, '--out', directory];
  for (const words of [issue, ['config', 'nats', '--hosts', 'gpu-1.lan']]) {
    const seen = await runVerb(words);
    expect(seen.code).toBe(2);
    expect(seen.stderr).toContain('such as gpu-1-lan');
  }
});

test('without an authority pki issue says where it looked and how to make one', async () => {
  const seen = await runVerb(['pki', 'issue', 'evaluator', '--name', 'e', '--pki-dir', directory, '--out', directory]);
  expect(seen.code).toBe(6);
  expect(seen.stderr).toContain(`There is no authority in ${directory}.`);
  expect(seen.stderr).toContain('doubleblind pki init');
});

test('config nats names every host of the fleet by the identity in its certificate', async () => {
  const { stdout, code } = await runVerb(['config', 'nats', '--hosts', 'gpu-1,gpu-2']);
  expect(code).toBe(0);
  for (const name of ['gpu-agent/gpu-1', 'gpu-agent/gpu-2', 'coordinator/local']) expect(stdout).toContain(name);
  expect(stdout).not.toContain('gpu-agent/local');
});
