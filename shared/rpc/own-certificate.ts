// What the certificate by which we ask says of itself. A peer that refuses it at the handshake gives no reason that could be told.

import { X509Certificate } from 'node:crypto';
import { identityOfAlternativeNames } from '../pki/identity.ts';
import type { TlsMaterial } from './tls-files.ts';

const parsed = new WeakMap<TlsMaterial, X509Certificate>();

/** That it has ended, and how to get the next one; undefined where it is still good. `file` is where it lies. */
export function endedCertificate(material: TlsMaterial, file: string, nowMs: number): string | undefined {
  const leaf = parsed.get(material) ?? new X509Certificate(material.cert);
  parsed.set(material, leaf);
  if (leaf.validToDate.getTime() > nowMs) return undefined;
  const identity = identityOfAlternativeNames(leaf.subjectAltName);
  const whose = identity === undefined ? 'ROLE --name NAME' : `${identity.role} --name ${identity.name}`;
  const day = leaf.validToDate.toISOString().slice(0, 10);
  return `your certificate ${file} ended on ${day}; renew it with: doubleblind pki issue ${whose} --renew --out DIR`;
}
