// Whether a daemon could use the certificate files that its configuration names, as far as whoever asks may read them.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { identityOfAlternativeNames } from '../../shared/pki/identity.ts';
import { certificatesIn } from '../../shared/pki/pem.ts';
import { readTlsFiles, type TlsPaths } from '../../shared/rpc/tls-files.ts';

export interface CertificateLook {
  readonly problems: readonly string[];
  /** Files, each with why it was not looked at: a check on another machine, or by another user than the daemon's, sees less. */
  readonly notLookedAt: readonly string[];
}

/** Key, role, dates and authority, each where the files for it can be read. */
export function checkCertificate(role: string, tls: TlsPaths, nowMs: number): CertificateLook {
  const notLookedAt: string[] = [];
  const read = (path: string): Buffer | undefined => {
    try {
      return readFileSync(path);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
      notLookedAt.push(`${path} (${code === 'ENOENT' ? 'it is not there' : code})`);
      return undefined;
    }
  };
  const [ca, certificate, key] = [read(tls.ca), read(tls.certificate), read(tls.key)];
  const problems: string[] = [];
  const leaf = certificate === undefined ? undefined : parsed(certificate, tls.certificate, problems);
  if (leaf !== undefined) {
    problems.push(...leafProblems(leaf, role, tls.certificate, nowMs));
    if (ca !== undefined && !isIssuedBy(leaf, ca)) {
      problems.push(`tls.certificate: no authority in ${tls.ca} has signed ${tls.certificate}`);
    }
    if (ca !== undefined && key !== undefined) problems.push(...pairProblems(tls));
  }
  return { problems, notLookedAt };
}

function parsed(pem: Buffer, file: string, problems: string[]): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    problems.push(`tls.certificate: ${file} is no certificate in PEM`);
    return undefined;
  }
}

function leafProblems(leaf: X509Certificate, role: string, file: string, nowMs: number): string[] {
  const problems: string[] = [];
  const identity = identityOfAlternativeNames(leaf.subjectAltName);
  if (identity?.role !== role) {
    const found = identity === undefined ? 'nobody of ours' : `${identity.role}/${identity.name}`;
    problems.push(`tls.certificate: ${file} names ${found} instead of a ${role}`);
  }
  const day = (date: Date): string => date.toISOString().slice(0, 10);
  if (leaf.validToDate.getTime() <= nowMs) problems.push(`tls.certificate: ${file} ended on ${day(leaf.validToDate)}`);
  if (leaf.validFromDate.getTime() > nowMs) {
    problems.push(`tls.certificate: ${file} begins on ${day(leaf.validFromDate)}; is the clock of this machine right?`);
  }
  return problems;
}

function isIssuedBy(leaf: X509Certificate, authorities: Buffer): boolean {
  return certificatesIn(authorities).some((pem) => {
    try {
      return leaf.verify(new X509Certificate(pem).publicKey);
    } catch {
      // Not an authority, so not this one's.
      return false;
    }
  });
}

function pairProblems(tls: TlsPaths): string[] {
  try {
    readTlsFiles(tls);
    return [];
  } catch (error) {
    return [`tls.key: ${error instanceof Error ? error.message : String(error)}`];
  }
}
