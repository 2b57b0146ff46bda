// A certificate authority of one's own and the leaf certificates of the daemons. The only door to @peculiar/x509.
// Owns <directory>/<role>.crt and .key, "ca" included. Keys are 0600 from their first byte.
// Invariants:
// 1. A valid certificate that fits is kept: every function here may be called again at any time.
// 2. A leaf carries exactly one URI, its identity, and is good for server and client alike.

import 'reflect-metadata';
import { createPrivateKey, type KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type Identity, identityOfAlternativeNames, identityUri, type Role } from './identity.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
const [authorityDays, leafDays] = [3650, 365];
/** A leaf with less than this left is issued anew. */
const renewBeforeMs = 30 * dayMs;
/** Clocks of hosts may be a little apart. */
const backdateMs = 300_000;

export interface LeafOptions {
  readonly role: Role;
  readonly name: string;
  /** DNS names and IP addresses by which it is reached, besides localhost. */
  readonly hosts: readonly string[];
  /** Days of validity; a year unless stated. */
  readonly days?: number;
  /** Makes a new pair though the one that is there is good, because its key was seen by others or its end is near. */
  readonly renew?: boolean;
  /** Name of the files without extension; the role unless stated, which suits a directory with one host's certificates. */
  readonly fileName?: string;
}

export interface CertificatePaths {
  readonly certificate: string;
  readonly key: string;
  /** False where a valid one was there already. */
  readonly created: boolean;
}

export interface CertificateDescription {
  readonly identity: Identity | undefined;
  readonly subject: string;
  readonly alternativeNames: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256 of the certificate, hex pairs with colons. */
  readonly fingerprint: string;
  readonly isAuthority: boolean;
}

/** Makes the authority, <directory>/ca.crt and ca.key, unless there is one. */
export async function createAuthority(directory: string): Promise<CertificatePaths> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const paths = pathsOf(directory, 'ca');
  if (existsSync(paths.certificate) && existsSync(paths.key)) return { ...paths, created: false };
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Doubleblind authority',
    ...validity(authorityDays),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await save(paths, certificate.toString('pem'), keys.privateKey);
  return { ...paths, created: true };
}

/** True where `issueCertificate` would make a new pair now. */
export function wouldIssue(directory: string, options: LeafOptions): boolean {
  const { certificate } = loadAuthority(directory);
  const paths = pathsOf(directory, options.fileName ?? options.role);
  return options.renew === true || !isStillGood(paths, options, certificate);
}

/** Issues <directory>/<role>.crt and .key, unless a fitting one is there that is good for another 30 days. */
export async function issueCertificate(directory: string, options: LeafOptions): Promise<CertificatePaths> {
  const paths = pathsOf(directory, options.fileName ?? options.role);
  if (!wouldIssue(directory, options)) return { ...paths, created: false };
  const authority = loadAuthority(directory);
  const keys = await generateKeys();
  const issuer = {
    publicKey: await importPublic(authority.certificate),
    privateKey: await importPrivate(authority.key),
  };
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${options.role} ${options.name}`,
    issuer: authority.certificate.subject.split('\n').join(', '),
    ...validity(options.days ?? leafDays),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: issuer.privateKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(alternativeNames(options)),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  await save(paths, certificate.toString('pem'), keys.privateKey);
  return { ...paths, created: true };
}

/** The authority and all leaves of a cluster on one machine; `hostName` is the name of its only gpu-agent. */
export async function createLocalPki(directory: string, hostName: string): Promise<void> {
  await createAuthority(directory);
  for (const leaf of localLeaves(hostName)) await issueCertificate(directory, leaf);
}

/** Names of the files, without extension, that `createLocalPki` would make now. */
export function missingOfLocalPki(directory: string, hostName: string): string[] {
  const leaves = localLeaves(hostName);
  const { certificate, key } = pathsOf(directory, 'ca');
  if (!existsSync(certificate) || !existsSync(key)) return ['ca', ...leaves.map(({ role }) => role)];
  return leaves.filter((leaf) => wouldIssue(directory, leaf)).map(({ role }) => role);
}

function localLeaves(hostName: string): LeafOptions[] {
  const names: Record<Role, string> = {
    coordinator: 'local',
    'gpu-agent': hostName,
    evaluator: 'local',
    'llm-gateway': 'local',
    nats: 'local',
    operator: 'local',
  };
  return (Object.entries(names) as [Role, string][]).map(([role, name]) => ({ role, name, hosts: [] }));
}

/** What a PEM certificate says. */
export function describeCertificate(pem: string | Buffer): CertificateDescription {
  const certificate = new X509Certificate(pem);
  return {
    identity: identityOfAlternativeNames(certificate.subjectAltName),
    subject: certificate.subject.split('\n').join(', '),
    alternativeNames: certificate.subjectAltName?.split(', ') ?? [],
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    fingerprint: certificate.fingerprint256,
    isAuthority: certificate.ca,
  };
}

function pathsOf(directory: string, name: string): { certificate: string; key: string } {
  return { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
}

function loadAuthority(directory: string): { certificate: X509Certificate; key: KeyObject } {
  const paths = pathsOf(directory, 'ca');
  if (!existsSync(paths.certificate) || !existsSync(paths.key)) {
    throw new Error(`there is no authority in ${directory}; create one with: doubleblind pki init`);
  }
  return {
    certificate: new X509Certificate(readFileSync(paths.certificate)),
    key: createPrivateKey(readFileSync(paths.key)),
  };
}

function isStillGood(
  paths: { certificate: string; key: string },
  options: LeafOptions,
  authority: X509Certificate,
): boolean {
  if (!existsSync(paths.certificate) || !existsSync(paths.key)) return false;
  const certificate = new X509Certificate(readFileSync(paths.certificate));
  const identity = identityOfAlternativeNames(certificate.subjectAltName);
  return (
    certificate.verify(authority.publicKey) &&
    certificate.checkPrivateKey(createPrivateKey(readFileSync(paths.key))) &&
    new Date(certificate.validTo).getTime() - Date.now() > renewBeforeMs &&
    identity?.role === options.role &&
    identity.name === options.name &&
    options.hosts.every(
      (host) => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined,
    )
  );
}

function alternativeNames(options: LeafOptions): JsonGeneralName[] {
  const hosts = [...new Set(['localhost', '127.0.0.1', '::1', ...options.hosts])];
  const names: JsonGeneralName[] = hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }));
  return [...names, { type: 'url', value: identityUri({ role: options.role, name: options.name }) }];
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - backdateMs), notAfter: new Date(Date.now() + days * dayMs) };
}

/** 127 random bits: positive, and never twice. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('hex');
}

function generateKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;

async function importPublic(certificate: X509Certificate): Promise<webcrypto.CryptoKey> {
  const bytes = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return await webcrypto.subtle.importKey('spki', bytes, algorithm, true, ['verify']);
}

async function importPrivate(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const bytes = key.export({ type: 'pkcs8', format: 'der' });
  return await webcrypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign']);
}

/** The key first: a certificate without its key would stop a daemon, a key without a certificate is replaced. */
async function save(paths: { certificate: string; key: string }, pem: string, key: webcrypto.CryptoKey): Promise<void> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const keyPem = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' });
  replace(paths.key, keyPem.toString(), 0o600);
  replace(paths.certificate, `${pem.trim()}\n`, 0o644);
}

function replace(path: string, text: string, mode: number): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}
