// For tests of anything that speaks gRPC: certificates made once a process, and their paths by role.

import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { Client, credentials, status } from '@grpc/grpc-js';
import { createLocalPki } from '../pki/authority.ts';
import type { Role } from '../pki/identity.ts';
import type { TlsPaths } from './tls-files.ts';

let directory: Promise<string> | undefined;

/** A directory with an authority and a leaf for every role; the gpu-agent is host `local`. */
function testPkiDirectory(): Promise<string> {
  directory ??= makeDirectory();
  return directory;
}

/** Certificate files of a role in the test cluster. */
export async function testTls(role: Role): Promise<TlsPaths> {
  return tlsPathsIn(await testPkiDirectory(), role);
}

/** The files that `createLocalPki` wrote for a role. */
export function tlsPathsIn(pki: string, role: Role): TlsPaths {
  return { ca: join(pki, 'ca.crt'), certificate: join(pki, `${role}.crt`), key: join(pki, `${role}.key`) };
}

/** Opens TLS to a gRPC port and begins HTTP/2: `accepted`, `ended`, or the message of the error. */
export function tlsOutcome(options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', servername: 'localhost', ALPNProtocols: ['h2'], ...options });
    socket.on('error', (error) => resolve(error.message));
    socket.on('end', () => resolve('ended'));
    socket.on('data', () => {
      resolve('accepted');
      socket.destroy();
    });
    socket.on('secureConnect', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0'));
  });
}

/** What a method answers to an empty message, byte for byte as Latin-1, or the code of its refusal: for services that are not ours. */
export async function rawAnswer(address: string, method: string, tls: TlsPaths): Promise<string> {
  const [roots, key, chain] = [readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.certificate)];
  const secure = credentials.createSsl(roots, key, chain, { checkServerIdentity: () => undefined });
  const client = new Client(address, secure, { 'grpc.ssl_target_name_override': 'daemon.doubleblind.internal' });
  const asIs = (bytes: Buffer): Buffer => bytes;
  const { promise, resolve } = Promise.withResolvers<string>();
  const options = { deadline: Date.now() + 20_000 };
  client.makeUnaryRequest(`/${method}`, asIs, asIs, Buffer.alloc(0), options, (error, told) =>
    resolve(error === null ? (told ?? Buffer.alloc(0)).toString('latin1') : (status[error.code] ?? '')),
  );
  return await promise.finally(() => client.close());
}

async function makeDirectory(): Promise<string> {
  const made = mkdtempSync(join(tmpdir(), 'doubleblind-test-pki-'));
  await createLocalPki(made, 'local');
  return made;
}
