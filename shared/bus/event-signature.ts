// Signatures of result events: by the key of the host's certificate, over the subject and the bytes as they are sent.
// A user of the bus may publish events of any attempt, so the connection alone does not say whose an event is; the signature
// does, also after the stream was copied, replayed or written by somebody who took over the nats-server.
//
// Owns: what is signed and how it is checked. Leaves to the coordinator: epochs, order and repeats, which a true signature does not
// settle. Invariants: 1. `check` accepts an event only from a gpu-agent whose certificate our authority signed, which is valid
// now, give or take `leewayMs`, and names the host in the event. 2. What is checked are the bytes that are parsed afterwards, nothing re-encoded.

import { createHash, createPrivateKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../core/result.ts';
import { identityOfAlternativeNames } from '../pki/identity.ts';
import { certificatesIn } from '../pki/pem.ts';

/** Carries the signer's certificate, DER in base64, so that the reader needs no list of hosts. */
export const certificateHeader = 'Doubleblind-Certificate';
export const signatureHeader = 'Doubleblind-Signature';

export interface EventSignature {
  /** DER in base64. */
  readonly certificate: string;
  /** In base64. */
  readonly signature: string;
}

/** Why an event is not taken; a fixed list, so that it can be counted. */
export const eventRefusals = [
  'unsigned',
  'foreignCertificate',
  'expiredCertificate',
  'otherHost',
  'badSignature',
] as const;
export type EventRefusal = (typeof eventRefusals)[number];

/** Signs with a certificate and its key, PEM. */
export function signEvent(
  subject: string,
  body: Uint8Array,
  { cert, key }: { readonly cert: Buffer; readonly key: Buffer },
): EventSignature {
  const { privateKey, certificate } = signerOf(cert, key);
  const signature = sign(hashOf(privateKey.asymmetricKeyType), signedBytes(subject, body), privateKey);
  return { certificate, signature: signature.toString('base64') };
}

/** Parsed once for the bytes of a certificate, which stay the same until it is renewed. */
const signers = new WeakMap<Buffer, { readonly privateKey: KeyObject; readonly certificate: string }>();

function signerOf(cert: Buffer, key: Buffer) {
  const known = signers.get(cert) ?? {
    privateKey: createPrivateKey(key),
    certificate: new X509Certificate(cert).raw.toString('base64'),
  };
  signers.set(cert, known);
  return known;
}

/**
 * A clock that was set wrong by a day must not silence a whole fleet, and a host's and the coordinator's may be wrong in opposite directions.
 * Not for events that wait: a host signs anew, with the certificate that it has then, whenever it sends one. What the leeway lets in has
 * been admitted by TLS, which looks at the same dates without leeway at every new connection.
 */
export const leewayMs = 2 * 86_400_000;

/** Checks that the host's own gpu-agent signed this event. `authorities` is PEM of one or more certificates. */
export function checkEvent(
  { subject, body, host }: { readonly subject: string; readonly body: Uint8Array; readonly host: string },
  signed: Partial<EventSignature>,
  authorities: Buffer,
  now: Date,
): Result<undefined, EventRefusal> {
  if (!signed.certificate || !signed.signature) return err('unsigned');
  const certificate = issued(signed.certificate, authorities);
  if (certificate === undefined) return err('foreignCertificate');
  const [fromMs, toMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (now.getTime() < fromMs - leewayMs || now.getTime() > toMs + leewayMs) return err('expiredCertificate');
  const identity = identityOfAlternativeNames(certificate.subjectAltName);
  if (identity?.role !== 'gpu-agent' || identity.name !== host) return err('otherHost');
  const bytes = signedBytes(subject, body);
  const algorithm = hashOf(certificate.publicKey.asymmetricKeyType);
  const isTrue = verify(algorithm, bytes, certificate.publicKey, Buffer.from(signed.signature, 'base64'));
  return isTrue ? ok(undefined) : err('badSignature');
}

/** The first line keeps a signature of anything else that this key might ever sign from passing for one of an event. */
function signedBytes(subject: string, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`doubleblind event 1\n${subject}\n`), body]);
}

/** Ed25519 and Ed448 hash by themselves. */
function hashOf(keyType: string | undefined): 'sha256' | null {
  return keyType === 'ed25519' || keyType === 'ed448' ? null : 'sha256';
}

/**
 * Certificates that these authorities issued, by the SHA-256 of their DER: every event of a host brings the same one. Not by their
 * text: one certificate can be written in any number of ways, and each would take its place here.
 */
const known = new WeakMap<Buffer, Map<string, X509Certificate>>();
/** As many as there may be hosts; certificates that nobody issued are not kept. */
const mostKnown = 4096;
/** Ours have less than 1 KiB, one with an RSA key of 4096 bits and many names 3 KiB. */
const longestText = 8 * 1024;

/** How many certificates are kept for these authorities. */
export function knownCertificates(authorities: Buffer): number {
  return known.get(authorities)?.size ?? 0;
}

/** The certificate, or undefined where it is none of these authorities'. */
function issued(base64: string, authorities: Buffer): X509Certificate | undefined {
  if (base64.length > longestText) return undefined;
  const ours = known.get(authorities) ?? new Map<string, X509Certificate>();
  known.set(authorities, ours);
  const bytes = Buffer.from(base64, 'base64');
  const before = ours.get(fingerprintOf(bytes));
  if (before !== undefined) return before;
  const certificate = parseCertificate(bytes);
  if (certificate === undefined) return undefined;
  // What was parsed, without what stood behind it or the PEM that it came as.
  const fingerprint = fingerprintOf(certificate.raw);
  const same = ours.get(fingerprint);
  if (same !== undefined) return same;
  if (!isIssuedBy(certificate, authorities)) return undefined;
  if (ours.size >= mostKnown) ours.clear();
  ours.set(fingerprint, certificate);
  return certificate;
}

function fingerprintOf(der: Buffer): string {
  return createHash('sha256').update(der).digest('base64');
}

function parseCertificate(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}

function isIssuedBy(certificate: X509Certificate, authorities: Buffer): boolean {
  if (certificate.ca) return false;
  return certificatesIn(authorities).some((pem) => {
    const authority = new X509Certificate(pem);
    return authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  });
}
