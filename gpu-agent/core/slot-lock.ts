// The lock of one slot: whoever holds it has the slot's GPU (or its share of the processors) to itself.
//
// Held by tool calls and clean-slate runs, never by thinking (blueprint §4). Clean-slate runs come first.
// Invariants: 1. one holder; 2. by priority, then in order of asking; 3. who no longer wants it leaves the queue.

export type SlotPriority = 'cleanSlate' | 'tool';

export interface SlotLock {
  /** Resolves with the release, which may be called twice; rejects with the signal's reason where that comes first. */
  acquire(priority: SlotPriority, signal: AbortSignal): Promise<() => void>;
  /** The holder is done, and what it left behind computes until `quiet` resolves. */
  keep(release: () => void, quiet: Promise<void>): void;
  /** Who waits; for metrics and tests. */
  waiting(): number;
}

interface Waiter {
  readonly priority: SlotPriority;
  readonly grant: () => void;
}

/** What is known of what an attempt left behind. */
export interface Settling {
  /** False where something may be left although the work ended well. */
  isSettled(): boolean;
  /** Resolves when nothing of the work computes any more; never rejects. */
  settle(): Promise<void>;
}

/**
 * Does what computes under the lock. Others get the slot when it has ended well, or else when nothing of it computes any more, which may be long after its
 * failure is told.
 */
export async function computing<Value>(
  lock: SlotLock,
  release: () => void,
  settling: Settling,
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    const value = await work();
    if (settling.isSettled()) release();
    else lock.keep(release, settling.settle());
    return value;
  } catch (error) {
    lock.keep(release, settling.settle());
    throw error;
  }
}

/** `kept` is told when a holder is done with the slot that others must not have yet, and when they get it. */
export function createSlotLock(kept: (isKept: boolean) => void = () => undefined): SlotLock {
  let held = false;
  let queue: Waiter[] = [];

  function next(): void {
    const first = queue.find((waiter) => waiter.priority === 'cleanSlate') ?? queue[0];
    if (held || first === undefined) return;
    queue = queue.filter((waiter) => waiter !== first);
    held = true;
    first.grant();
  }

  function releaseOnce(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      held = false;
      next();
    };
  }

  function acquire(priority: SlotPriority, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const waiter: Waiter = {
        priority,
        grant: () => {
          signal.removeEventListener('abort', abandon);
          resolve(releaseOnce());
        },
      };
      function abandon(): void {
        queue = queue.filter((other) => other !== waiter);
        reject(signal.reason);
      }
      signal.addEventListener('abort', abandon, { once: true });
      queue.push(waiter);
      next();
    });
  }

  function keep(release: () => void, quiet: Promise<void>): void {
    kept(true);
    void quiet.finally(() => {
      kept(false);
      release();
    });
  }

  return { acquire, keep, waiting: () => queue.length };
}
