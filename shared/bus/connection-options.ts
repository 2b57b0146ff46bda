// How a daemon connects to the bus: by its certificate, and for ever.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'nats';
import { type Identity, identityOfAlternativeNames } from '../pki/identity.ts';
import type { TlsPaths } from '../rpc/tls-files.ts';
import { inboxPrefix } from './messages.ts';

export const reconnectWaitMs = 250;
/** How long `connectBus` waits before it returns a bus that is not connected yet. */
export const firstConnectMs = 2000;

export interface Connecting {
  readonly servers: readonly string[];
  readonly tls: TlsPaths;
  readonly name: string;
}

/** Throws where the certificate names nobody. */
export function connectionOptionsOf({ servers, tls, name }: Connecting): ConnectionOptions {
  const identity = identityOfAlternativeNames(new X509Certificate(readFileSync(tls.certificate)).subjectAltName);
  if (identity === undefined) throw new Error(`${tls.certificate} names no Doubleblind identity`);
  const files = { caFile: tls.ca, certFile: tls.certificate, keyFile: tls.key };
  // The client hands these on to tls.connect: the server must be the role nats, whatever its host is called.
  const extra = { minVersion: 'TLSv1.3', checkServerIdentity: expectNats };
  return {
    servers: [...servers],
    name,
    inboxPrefix: inboxPrefix(identity),
    tls: { ...files, ...extra },
    maxReconnectAttempts: -1,
    // A certificate that the server turned away may be followed by a better one.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: 100,
    reconnectJitterTLS: 100,
    timeout: firstConnectMs,
    pingInterval: 5000,
    maxPingOut: 2,
    ignoreClusterUpdates: true,
    // Each publication would otherwise make two errors beforehand, for the stack of a failure that bus.ts tells of anyway.
    noAsyncTraces: true,
  };
}

function expectNats(_: string, certificate: { subjectaltname?: string }): Error | undefined {
  const identity: Identity | undefined = identityOfAlternativeNames(certificate.subjectaltname);
  if (identity?.role === 'nats') return undefined;
  return new Error('the certificate of the nats-server does not name the role nats');
}
