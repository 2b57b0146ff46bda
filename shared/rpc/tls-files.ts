// A daemon's certificate files, re-read when they change, so that a renewed certificate needs no restart.
// Invariants: 1. What `current()` gives is a key and a certificate that belong together; a half-written change is not taken.
// 2. What cannot be used at two looks in a row is no half-written change: those who listen are told, once, and what is in use stays.

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

/** Who is told of changes. */
export interface TlsListener {
  changed(material: TlsMaterial): void;
  /** Why what lies there is not taken, in a sentence that names the files; undefined once what lies there is in use. */
  refused?(problem: string | undefined): void;
}

interface Watch {
  material: TlsMaterial;
  /** What was wrong at the last look. */
  seen: string | undefined;
  /** What the listeners were told is wrong. */
  told: string | undefined;
  readonly listeners: Set<TlsListener>;
  readonly timer: NodeJS.Timeout;
}

/** One for all who use the same files: a coordinator has a client for each of a thousand hosts. */
const watches = new Map<string, Watch>();

/** Reads the files and watches them; throws a plain sentence where one cannot be read or used. */
export function openTlsFiles(paths: TlsPaths, listener: TlsListener, everyMs = rereadMs): TlsFiles {
  const key = JSON.stringify([paths.ca, paths.certificate, paths.key, everyMs]);
  const watch = watches.get(key) ?? startWatch(paths, everyMs);
  watches.set(key, watch);
  // Of its own, so that the same one may be told twice.
  const own = { ...listener };
  watch.listeners.add(own);
  if (watch.told !== undefined) own.refused?.(watch.told);
  return {
    current: () => watch.material,
    stop() {
      watch.listeners.delete(own);
      if (watch.listeners.size > 0) return;
      clearInterval(watch.timer);
      if (watches.get(key) === watch) watches.delete(key);
    },
  };
}

function startWatch(paths: TlsPaths, everyMs: number): Watch {
  const material = readTlsFiles(paths);
  const timer = setInterval(() => look(paths, watch), everyMs);
  timer.unref();
  const watch: Watch = { material, seen: undefined, told: undefined, listeners: new Set(), timer };
  return watch;
}

function look(paths: TlsPaths, watch: Watch): void {
  const found = readAgain(paths, watch.material);
  if (typeof found === 'string') {
    // Half-written or missing for a moment, unless the next look says the same.
    if (watch.seen === found) tell(watch, found);
    watch.seen = found;
    return;
  }
  watch.seen = undefined;
  tell(watch, undefined);
  if (found === watch.material) return;
  watch.material = found;
  for (const listener of watch.listeners) listener.changed(found);
}

function tell(watch: Watch, problem: string | undefined): void {
  if (watch.told === problem) return;
  watch.told = problem;
  for (const listener of watch.listeners) listener.refused?.(problem);
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

/** The same object where nothing has changed; a sentence where what is there cannot be used. */
function readAgain(paths: TlsPaths, known: TlsMaterial): TlsMaterial | string {
  try {
    const next = { ca: read(paths.ca), cert: read(paths.certificate), key: read(paths.key) };
    return same(next, known) ? known : readTlsFiles(paths);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function same(left: TlsMaterial, right: TlsMaterial): boolean {
  return left.ca.equals(right.ca) && left.cert.equals(right.cert) && left.key.equals(right.key);
}
