// Slots that are kept from everybody because what a failed call left there may still compute (core/slot-lock.ts, docs/decisions/0012).
//
// Mostly that is over within a second. Where a container cannot be ended it is not, and then nothing new begins there; after as long as an engine
// is waited for, what waits for the slot is given to other hosts.

import type { Clock } from '../shared/clock.ts';
import type { SlotId } from '../shared/core/ids.ts';
import { enginePatienceMs } from './sandbox/engine-recovers.ts';
import type { HostSlot } from './slots.ts';

/** Longer than an engine takes to kill what does not end by itself. */
const tellAfterMs = 30_000;
const reason = 'a sandbox there cannot be ended and may still compute; see the log of this host';

export class UnsettledSlots {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #slots = new Map<SlotId, { readonly sinceMs: number; readonly timers: readonly { cancel(): void }[] }>();

  /** `changed` is called whenever `seen` begins to say something else. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** The slot is kept from now on, or no longer. */
  note(slotId: SlotId, isKept: boolean): void {
    const known = this.#slots.get(slotId);
    if (isKept === (known !== undefined)) return;
    if (known === undefined) {
      const timers = [tellAfterMs, enginePatienceMs].map((ms) => this.#clock.after(ms, this.#changed));
      this.#slots.set(slotId, { sinceMs: this.#clock.monotonicMs(), timers });
      return;
    }
    for (const timer of known.timers) timer.cancel();
    this.#slots.delete(slotId);
    if (this.#clock.monotonicMs() - known.sinceMs >= tellAfterMs) this.#changed();
  }

  /** The slot as it is for what begins and what runs there. */
  seen(slot: HostSlot): HostSlot {
    const known = this.#slots.get(slot.slotId);
    if (known === undefined || slot.health === 'unusable') return slot;
    const keptMs = this.#clock.monotonicMs() - known.sinceMs;
    if (keptMs < tellAfterMs) return slot;
    return { ...slot, health: 'unusable', healthReason: reason, runsOn: keptMs < enginePatienceMs };
  }

  stop(): void {
    for (const { timers } of this.#slots.values()) for (const timer of timers) timer.cancel();
  }
}
