// Certificates that `pki issue` would never make, signed by openssl with a cluster's own authority or with one of its leaves.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsPaths } from '../../../shared/rpc/tls-files.ts';

export interface StrangeOptions {
  /** URIs among the alternative names; the coordinator's own unless stated. */
  readonly uris?: readonly string[];
  /** Days from now until it ends; 30 unless stated. */
  readonly days?: number;
  /** Days from now until it begins; 60 days ago unless stated. */
  readonly fromDays?: number;
  /** Who signs; the authority unless stated. */
  readonly issuer?: { readonly certificate: string; readonly key: string };
}

/** A leaf and its key in a directory of its own; the certificate file carries its issuer too where that is no authority. */
export async function strangeLeaf(pki: string, name: string, options: StrangeOptions): Promise<TlsPaths> {
  const { uris = ['spiffe://doubleblind/coordinator/local'], days = 30, fromDays = -60, issuer } = options;
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-strange-'));
  const at = (file: string): string => join(directory, file);
  const openssl = (...words: string[]): void => {
    execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'], cwd: directory });
  };
  const names = ['DNS:localhost', ...uris.map((uri) => `URI:${uri}`)].join(',');
  writeFileSync(at('empty'), '');
  writeFileSync(
    at('ca.conf'),
    `[ca]\ndefault_ca = own\n[own]\ndatabase = empty\nnew_certs_dir = .\nrand_serial = yes\ndefault_md = sha256\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n`,
  );
  writeFileSync(
    at('leaf.ext'),
    `basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=${names}\n`,
  );
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'leaf.key');
  openssl('req', '-new', '-key', 'leaf.key', '-subj', `/CN=${name}`, '-out', 'leaf.csr');
  const signer = issuer ?? { certificate: join(pki, 'ca.crt'), key: join(pki, 'ca.key') };
  openssl(
    ...['ca', '-batch', '-notext', '-config', 'ca.conf', '-cert', signer.certificate, '-keyfile', signer.key],
    ...['-startdate', opensslTime(fromDays), '-enddate', opensslTime(days), '-extfile', 'leaf.ext'],
    ...['-in', 'leaf.csr', '-out', 'leaf.crt'],
  );
  const chain = issuer === undefined ? '' : readFileSync(issuer.certificate, 'utf8');
  writeFileSync(at('leaf.crt'), readFileSync(at('leaf.crt'), 'utf8') + chain);
  return { ca: join(pki, 'ca.crt'), certificate: at('leaf.crt'), key: at('leaf.key') };
}

/** `YYYYMMDDHHMMSSZ`, that many days from now. */
function opensslTime(days: number): string {
  const time = new Date(Date.now() + days * 86_400_000).toISOString();
  return `${time.replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
}
