// What a daemon tells Prometheus of its certificate: when it ends, and whether what lies on the disk is in use. The names are the same
// for every daemon, so that one alert is for all of them.

import { X509Certificate } from 'node:crypto';
import type { Metrics } from '../metrics.ts';
import { openTlsFiles, type TlsMaterial, type TlsPaths } from './tls-files.ts';

/** Keeps `doubleblind_certificate_…` of the page up to date until it is stopped. */
export function observeCertificates(metrics: Metrics, tls: TlsPaths, rereadMs?: number): { stop(): void } {
  const ends = metrics.common.gauge(
    'certificate_expiry_timestamp_seconds',
    'When a certificate in use ends, in seconds since 1970: the daemon’s own, and that of its authority.',
    ['certificate'],
  );
  const taken = metrics.common.gauge(
    'certificate_last_reload_successful',
    '1 where the certificate and key on the disk are in use, 0 where they were refused and older ones are.',
  );
  const show = ({ cert, ca }: TlsMaterial): void => {
    ends.set(endOf(cert), { certificate: 'own' });
    ends.set(endOf(ca), { certificate: 'authority' });
  };
  taken.set(1);
  const files = openTlsFiles(
    tls,
    { changed: show, refused: (problem) => taken.set(problem === undefined ? 1 : 0) },
    rereadMs,
  );
  show(files.current());
  return { stop: () => files.stop() };
}

/** Of the first certificate in the file. */
function endOf(pem: Buffer): number {
  return new X509Certificate(pem).validToDate.getTime() / 1000;
}
