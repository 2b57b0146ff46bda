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

interface Kept {
  stage: 'quiet' | 'told' | 'over';
  readonly timers: readonly { cancel(): void }[];
}

export class UnsettledSlots {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #slots = new Map<SlotId, Kept>();
  #stopped: boolean = false;

  /** `changed` is called whenever `seen` begins to say something else. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** The slot is kept from now on, or no longer. */
  note(slotId: SlotId, isKept: boolean): void {
    const known = this.#slots.get(slotId);
    if (this.#stopped || isKept === (known !== undefined)) return;
    if (known === undefined) {
      this.#slots.set(slotId, this.#watched());
      return;
    }
    for (const timer of known.timers) timer.cancel();
    this.#slots.delete(slotId);
    if (known.stage !== 'quiet') this.#changed();
  }

  /** By its timers and not by the clock, which may be a moment behind them. */
  #watched(): Kept {
    const after = (ms: number, stage: Kept['stage']): { cancel(): void } =>
      this.#clock.after(ms, () => {
        kept.stage = stage;
        this.#changed();
      });
    const kept: Kept = { stage: 'quiet', timers: [after(tellAfterMs, 'told'), after(enginePatienceMs, 'over')] };
    return kept;
  }

  /** The slot as it is for what begins and what runs there. */
  seen(slot: HostSlot): HostSlot {
    const known = this.#slots.get(slot.slotId);
    if (known === undefined || known.stage === 'quiet' || slot.health === 'unusable') return slot;
    return { ...slot, health: 'unusable', healthReason: reason, runsOn: known.stage === 'told' };
  }

  stop(): void {
    this.#stopped = true;
    for (const { timers } of this.#slots.values()) for (const timer of timers) timer.cancel();
  }
}
