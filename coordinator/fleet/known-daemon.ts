// Which daemon a host is, where two call themselves by its name: a machine was cloned, or a key was copied.
//
// Owns: the address and the boot that count, and the other one that was heard. Leaves to host-actor.ts the asking and the telling.
// Monotonic milliseconds come in from outside.
//
//   undisputed ──(another is heard, and then a life sign of the known one)──▶ disputed
//       ▲────────────(the other one is silent, or takes the place)───────────────┘
//
// Invariants: 1. While the daemon that holds the leases is alive, a heartbeat of another boot from another address moves nothing.
// 2. Whoever beats from the address that counts, or answers there, is the daemon that counts: it was started again.

import type { Heartbeat } from '../../shared/bus/messages.ts';

/**
 * Fractions of the lease's term after which a silent daemon gives its place to another one. With 10 s: after 5 s, so that a slow bus
 * moves nothing and a look has asked over gRPC meanwhile; after 1.5 s where it does not answer either, as one that was started
 * again at another port; after 12 s where both were alive, so that the host is lost first and a restart in place is no defeat.
 */
const [silentPart, failingPart, disputedPart] = [0.5, 0.15, 1.2];

/** `stranger`: the heartbeat is of another daemon, and nothing is to be made of it. */
export type Hearing = 'same' | 'moved' | 'stranger';

interface Other {
  readonly address: string;
  readonly bootId: string;
  readonly sinceMs: number;
  readonly heardMs: number;
}

export class KnownDaemon {
  address: string;
  private readonly leaseTtlMs: number;
  /** Not known until it is heard or answers. */
  private bootId: string | undefined;
  private aliveMs: number;
  private other: Other | undefined;

  /** As if it had been heard now, so that a host of the journal has time to speak before another one. */
  constructor(address: string, leaseTtlMs: number, nowMs: number) {
    this.address = address;
    this.leaseTtlMs = leaseTtlMs;
    this.aliveMs = nowMs;
  }

  /** `fails`: the newest call did not get an answer. */
  hear({ address, bootId }: Pick<Heartbeat, 'address' | 'bootId'>, nowMs: number, fails: boolean): Hearing {
    const isKnown = address === this.address || bootId === this.bootId;
    if (!isKnown && !this.isGone(nowMs, fails)) {
      this.other = { address, bootId, sinceMs: this.otherAt(nowMs)?.sinceMs ?? nowMs, heardMs: nowMs };
      return 'stranger';
    }
    const hearing = address === this.address ? 'same' : 'moved';
    if (hearing === 'moved') this.other = undefined;
    this.address = address;
    this.answered(bootId, nowMs);
    return hearing;
  }

  /** The daemon at the address that counts has answered. */
  answered(bootId: string, nowMs: number): void {
    // One daemon that goes by a new address and still answers at the old one.
    if (this.other?.bootId === bootId) this.other = undefined;
    this.bootId = bootId;
    this.aliveMs = nowMs;
  }

  /** The address of another daemon that beats while the known one is alive. */
  rival(nowMs: number): string | undefined {
    const other = this.otherAt(nowMs);
    return other !== undefined && this.aliveMs > other.sinceMs ? other.address : undefined;
  }

  private otherAt(nowMs: number): Other | undefined {
    return this.other !== undefined && nowMs - this.other.heardMs < this.leaseTtlMs ? this.other : undefined;
  }

  private isGone(nowMs: number, fails: boolean): boolean {
    const part = this.rival(nowMs) !== undefined ? disputedPart : fails ? failingPart : silentPart;
    return nowMs - this.aliveMs >= this.leaseTtlMs * part;
  }
}
