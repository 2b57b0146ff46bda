// Which leases a host can deny: one whose start it has acknowledged. Of another its answer may be older than the start.

import type { HostName } from '../../shared/core/ids.ts';
import { type HeldLease, leasesOf } from '../core/outstanding.ts';
import type { State } from '../core/state.ts';

/** One lease in a word. */
export function leaseKey({ attemptId, epoch }: { readonly attemptId: string; readonly epoch: number }): string {
  return `${attemptId}:${epoch}`;
}

/** The starts that one host has acknowledged, to this process or by the journal. */
export class AcknowledgedStarts {
  private readonly keys = new Set<string>();
  private readonly state: Readonly<State>;
  private readonly host: HostName;

  constructor(state: Readonly<State>, host: HostName) {
    this.state = state;
    this.host = host;
  }

  add(lease: Pick<HeldLease, 'attemptId' | 'epoch'>): void {
    this.keys.add(leaseKey(lease));
  }

  has(lease: HeldLease): boolean {
    return this.keys.has(leaseKey(lease)) || this.state.attempts.get(lease.attemptId)?.phase === 'running';
  }

  /** Forgets those that the host does not hold any more. */
  forgetEnded(): void {
    const leases = leasesOf(this.state, this.host);
    if (this.keys.size <= leases.length) return;
    const held = new Set(leases.map(leaseKey));
    for (const key of this.keys) if (!held.has(key)) this.keys.delete(key);
  }
}
