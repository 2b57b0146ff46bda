import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { createAuthority, issueCertificate } from '../shared/pki/authority.ts';
import { tlsPathsIn } from '../shared/rpc/test-peers.ts';
import { watchOwnCertificate } from './own-certificate.ts';

test('a certificate that has ended is told with its date, until a renewed one lies in its place', async () => {
  const [authority, inUse] = [mkdtempSync(join(tmpdir(), 'pki-')), mkdtempSync(join(tmpdir(), 'pki-'))];
  await createAuthority(authority);
  const issue = async (days: number): Promise<void> => {
    await issueCertificate(authority, { role: 'gpu-agent', name: 'alpha', hosts: [], days, renew: true });
    cpSync(authority, inUse, { recursive: true });
  };
  await issue(1);
  let daysOn = 0;
  const clock = { now: () => new Date(Date.now() + daysOn * 86_400_000) };
  const certificate = watchOwnCertificate(tlsPathsIn(inUse, 'gpu-agent'), clock, 20);
  expect(certificate.trouble()).toBe('');
  daysOn = 2;
  expect(certificate.trouble()).toMatch(/^its certificate ended on \d{4}-\d\d-\d\dT[\d:.]+Z; issue a new one$/);
  await issue(90);
  await vi.waitFor(() => expect(certificate.trouble()).toBe(''));
  certificate.stop();
});
