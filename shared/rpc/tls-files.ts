// A daemon's certificate files, re-read when they change, so that a renewed certificate needs no restart.
// Invariant: what `current()` gives is a key and a certificate that belong together; a half-written change is not taken.

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** Paths of PEM files. */
export interface TlsPaths {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface TlsFiles {
  current(): TlsMaterial;
  stop(): void;
}

/** Certificates live for a year; noticing a new one within ten seconds is soon enough and costs three small reads. */
const rereadMs = 10_000;

/** Reads the files and watches them; throws a plain sentence where one cannot be read or used. */
export function openTlsFiles(paths: TlsPaths, onChange: (material: TlsMaterial) => void, everyMs = rereadMs): TlsFiles {
  let material = readTlsFiles(paths);
  const timer = setInterval(() => {
    const next = readOrUndefined(paths);
    if (next === undefined || same(next, material)) return;
    material = next;
    onChange(material);
  }, everyMs);
  timer.unref();
  return { current: () => material, stop: () => clearInterval(timer) };
}

/** Reads the files once and checks that the key belongs to the certificate. */
export function readTlsFiles(paths: TlsPaths): TlsMaterial {
  const material = { ca: read(paths.ca), cert: read(paths.certificate), key: read(paths.key) };
  try {
    createSecureContext({ ...material, minVersion: 'TLSv1.3' });
  } catch (error) {
    throw new Error(`the certificate ${paths.certificate} and the key ${paths.key} cannot be used together`, {
      cause: error,
    });
  }
  return material;
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`cannot read ${path}; create certificates with: doubleblind pki init`, { cause: error });
  }
}

function readOrUndefined(paths: TlsPaths): TlsMaterial | undefined {
  try {
    return readTlsFiles(paths);
  } catch {
    // Half-written or missing for a moment: the next look will tell.
    return undefined;
  }
}

function same(left: TlsMaterial, right: TlsMaterial): boolean {
  return left.ca.equals(right.ca) && left.cert.equals(right.cert) && left.key.equals(right.key);
}
