import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLocalPki, issueCertificate } from '../pki/authority.ts';
import { tlsPathsIn } from './test-peers.ts';
import { openTlsFiles, readTlsFiles } from './tls-files.ts';

test('a renewed certificate is taken when its key is there too, and not before', async () => {
  const pki = mkdtempSync(join(tmpdir(), 'doubleblind-tls-'));
  await createLocalPki(pki, 'local');
  const paths = tlsPathsIn(pki, 'coordinator');
  const renewed = await issueCertificate(pki, { role: 'coordinator', name: 'local', hosts: ['new'], fileName: 'new' });
  let changes = 0;
  const told: (string | undefined)[] = [];
  const files = openTlsFiles(
    paths,
    { changed: () => (changes += 1), refused: (problem) => void told.push(problem) },
    10,
  );
  const before = files.current().cert;
  copyFileSync(renewed.certificate, paths.certificate);
  // Several looks happen while key and certificate do not fit.
  await expect.poll(() => before.equals(readFileSync(paths.certificate))).toBe(false);
  await expect
    .poll(() => told)
    .toEqual([`the certificate ${paths.certificate} and the key ${paths.key} cannot be used together`]);
  expect(changes).toBe(0);
  expect(files.current().cert).toEqual(before);
  copyFileSync(renewed.key, paths.key);
  await expect.poll(() => changes).toBe(1);
  expect(files.current().cert).toEqual(readFileSync(renewed.certificate));
  expect(told.slice(1)).toEqual([undefined]);
  files.stop();
});

test('a missing or foreign file is named with the next step', async () => {
  const pki = mkdtempSync(join(tmpdir(), 'doubleblind-tls-'));
  const paths = tlsPathsIn(pki, 'coordinator');
  expect(() => readTlsFiles(paths)).toThrow(`cannot read ${paths.ca}; create certificates with: doubleblind pki init`);
  await createLocalPki(pki, 'local');
  writeFileSync(paths.key, readFileSync(join(pki, 'operator.key')));
  expect(() => readTlsFiles(paths)).toThrow('cannot be used together');
});
