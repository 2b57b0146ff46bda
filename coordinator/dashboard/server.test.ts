import { writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import { expect, test } from 'vitest';
import { silentLogger } from '../../shared/log.ts';
import { createTestPki } from '../coordinator.test-support.ts';
import { createSources } from './dashboard.test-support.ts';
import { startDashboard } from './server.ts';

test('on loopback it answers, and stops while somebody follows a run', async () => {
  const parts = await createSources(3);
  const tls = { ca: '', certificate: '', key: '' };
  const options = { tokenFile: '', tls, sources: parts.sources, log: silentLogger };
  const dashboard = await startDashboard({ ...options, listen: '127.0.0.1:0' });
  const response = await fetch(`${dashboard.url}api/v1/runs/digits-0001/events`);
  expect(response.status).toBe(200);
  const reading = response.text().catch(() => 'cut off');
  await dashboard.stop();
  await reading;
  await expect(fetch(dashboard.url)).rejects.toThrow();
  await parts.remove();
});

test('where others can reach it, it wants a token and speaks TLS', async () => {
  const pki = await createTestPki();
  const parts = await createSources(3);
  const options = { tls: pki.tls('coordinator'), sources: parts.sources, log: silentLogger, listen: '0.0.0.0:0' };
  await expect(startDashboard({ ...options, tokenFile: '' })).rejects.toThrow(/dashboard.tokenFile/);
  const tokenFile = join(pki.directory, 'token');
  await writeFile(tokenFile, 'short\n');
  await expect(startDashboard({ ...options, tokenFile })).rejects.toThrow(/fewer than 20 characters/);
  await writeFile(tokenFile, 'a-token-of-more-than-twenty\n');
  const dashboard = await startDashboard({ ...options, tokenFile });
  const port = new URL(dashboard.url).port;
  const status = await new Promise((resolve, reject) => {
    const headers = { authorization: 'Bearer a-token-of-more-than-twenty' };
    // The certificate is of a test's own authority and names no address.
    get({ host: '127.0.0.1', port, path: '/api/v1/runs', headers, rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
  expect(status).toBe(200);
  expect(await versionOf(Number(port), 'TLSv1.3')).toBe('TLSv1.3');
  expect(await versionOf(Number(port), 'TLSv1.2')).toMatch(/protocol version/);
  await dashboard.stop();
  await parts.remove();
  await pki.remove();
});

/** The version that a client gets which can speak none above this; else why it gets none. */
function versionOf(port: number, maxVersion: SecureVersion): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, maxVersion, rejectUnauthorized: false }, () => {
      resolve(String(socket.getProtocol()));
      socket.destroy();
    });
    socket.once('error', (error) => resolve(error.message));
  });
}
