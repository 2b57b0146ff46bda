// Whether this host's own certificate has ended, by the pair that is in use now: a renewed one counts without a restart.

import type { Clock } from '../shared/clock.ts';
import { describeCertificate } from '../shared/pki/authority.ts';
import { openTlsFiles, type TlsMaterial, type TlsPaths } from '../shared/rpc/tls-files.ts';

export interface OwnCertificate {
  /** Why a host with it is of no use, in a sentence; empty while it is good. */
  trouble(): string;
  stop(): void;
}

/** Throws a plain sentence where the files cannot be used. */
export function watchOwnCertificate(tls: TlsPaths, clock: Pick<Clock, 'now'>, rereadMs?: number): OwnCertificate {
  let ends: Date;
  const take = ({ cert }: TlsMaterial): void => {
    ends = describeCertificate(cert).notAfter;
  };
  const files = openTlsFiles(tls, { changed: take }, rereadMs);
  take(files.current());
  return {
    // By the wall clock, like those who refuse it.
    trouble: () => (clock.now() > ends ? `its certificate ended on ${ends.toISOString()}; issue a new one` : ''),
    stop: () => files.stop(),
  };
}
