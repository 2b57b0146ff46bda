// A daemon's certificate files, re-read when they change, so that a renewed certificate needs no restart.
// Invariant: what `current()` gives is a key and a certificate that belong together; a half-written change is not taken.

import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';

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

interface Watch {
  material: TlsMaterial;
  readonly listeners: Set<(material: TlsMaterial) => void>;
  readonly timer: NodeJS.Timeout;
}

/** One for all who use the same files: a coordinator has a client for each of a thousand hosts. */
const watches = new Map<string, Watch>();

/** Reads the files and watches them; throws a plain sentence where one cannot be read or used. */
export function openTlsFiles(paths: TlsPaths, onChange: (material: TlsMaterial) => void, everyMs = rereadMs): TlsFiles {
  const key = JSON.stringify([paths.ca, paths.certificate, paths.key, everyMs]);
  const watch = watches.get(key) ?? startWatch(paths, everyMs);
  watches.set(key, watch);
  // Of its own, so that the same function may be told twice.
  const listener = (material: TlsMaterial): void => onChange(material);
  watch.listeners.add(listener);
  return {
    current: () => watch.material,
    stop() {
      watch.listeners.delete(listener);
      if (watch.listeners.size > 0) return;
      clearInterval(watch.timer);
      if (watches.get(key) === watch) watches.delete(key);
    },
  };
}

function startWatch(paths: TlsPaths, everyMs: number): Watch {
  const material = readTlsFiles(paths);
  const timer = setInterval(() => {
    const next = readAgain(paths, watch.material);
    if (next === undefined || next === watch.material) return;
    watch.material = next;
    for (const listener of watch.listeners) listener(next);
  }, everyMs);
  timer.unref();
  const watch: Watch = { material, listeners: new Set(), timer };
  return watch;
}

const contexts = new WeakMap<TlsMaterial, SecureContext>();

/** For connections of TLS 1.3; one for all that use the same material. Throws where key and certificate do not fit. */
export function secureContextOf(material: TlsMaterial): SecureContext {
  const known = contexts.get(material) ?? createSecureContext({ ...material, minVersion: 'TLSv1.3' });
  contexts.set(material, known);
  return known;
}

/** Reads the files once and checks that the key belongs to the certificate. */
export function readTlsFiles(paths: TlsPaths): TlsMaterial {
  const material = { ca: read(paths.ca), cert: read(paths.certificate), key: read(paths.key) };
  try {
    secureContextOf(material);
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

/** The same object where nothing has changed; undefined where what is there cannot be used. */
function readAgain(paths: TlsPaths, known: TlsMaterial): TlsMaterial | undefined {
  try {
    const next = { ca: read(paths.ca), cert: read(paths.certificate), key: read(paths.key) };
    return same(next, known) ? known : readTlsFiles(paths);
  } catch {
    // Half-written or missing for a moment: the next look will tell.
    return undefined;
  }
}

function same(left: TlsMaterial, right: TlsMaterial): boolean {
  return left.ca.equals(right.ca) && left.cert.equals(right.cert) && left.key.equals(right.key);
}
