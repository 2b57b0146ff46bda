// Gets the events of the book out to the bus, at least once, until the coordinator confirms them.
//
// Owns: when which event is published, and how often again.
// Leaves to the book: that no event is lost; to the bus: that a repeat within minutes is recognised.
// Invariants: 1. an event leaves the book only through `confirm`; 2. at most `maxInFlight` publications run at once;
// 3. one timer; 4. after a failure the next try waits, longer each time, unless the bus says that it is back; 5. nobody hears of an
// event that a loss of power could still undo: its number would be given to another one, which its receipt would then take away.

import type { ResultEvent } from '../../shared/bus/messages.ts';
import type { Clock } from '../../shared/clock.ts';
import { backoffMs } from '../../shared/core/backoff.ts';
import type { Logger } from '../../shared/log.ts';

export interface OutboxBook {
  /** Oldest first. */
  pendingEvents(limit: number): ResultEvent[];
  /** False once it is confirmed; asked only for events that `pendingEvents` gave. */
  isPending(seq: number): boolean;
  /** Resolves when all events so far are on the disk. */
  flush(): Promise<void>;
  confirm(sequences: readonly number[]): number;
}

export interface OutboxOptions {
  readonly book: OutboxBook;
  /** Resolves when the stream has the event; `repeat` counts how often it had it before, without a receipt in time. */
  readonly publish: (event: ResultEvent, repeat: number) => Promise<void>;
  /** The disk failed: nothing more can be published by this process. */
  readonly broken: (error: unknown) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** After so long without a receipt an event is published again, and each time later: the stream or the receipt may have been lost. */
  readonly redeliverMs?: number;
  readonly maxInFlight?: number;
}

export interface Outbox {
  /** There may be something new. It waits with the rest where the bus is away, or each new event would make the next try later. */
  wake(): void;
  /** The bus is back: what waits is tried at once. */
  busIsBack(): void;
  confirm(sequences: readonly number[]): void;
  stop(): void;
}

/** Events looked at in one round; a host makes a few a minute, so more waiting means a coordinator that is long away. */
const roundLimit = 1000;
const pauses = { baseMs: 200, capMs: 10_000 };
/** A coordinator that is away for days must not find its stream full of repeats: at most 2^4 times the first pause. */
const mostDoublings = 4;

interface Publication {
  readonly atMs: number;
  readonly times: number;
}

function dueAgainMs(last: Publication | undefined, redeliverMs: number): number {
  if (last === undefined) return Number.NEGATIVE_INFINITY;
  return last.atMs + redeliverMs * 2 ** Math.min(last.times - 1, mostDoublings);
}

/** How long it waits after failures: longer each time, and not at all when the bus is back. */
function newPatience({ clock, random, log }: OutboxOptions) {
  let failures = 0;
  let notBeforeMs = 0;
  return {
    leftMs: () => notBeforeMs - clock.monotonicMs(),
    over() {
      failures = 0;
      notBeforeMs = 0;
    },
    failed(error: unknown, seq: number) {
      // Told once an outage: every event fails the same way until the bus is back.
      if (failures === 0) log.warn({ error, seq }, 'an event could not be published; it stays in the outbox');
      const nowMs = clock.monotonicMs();
      // Publications that were under way together fail together, and count as one failure.
      if (nowMs < notBeforeMs) return;
      notBeforeMs = nowMs + backoffMs(failures, pauses, random());
      failures += 1;
    },
  };
}

export function startOutbox(options: OutboxOptions): Outbox {
  const { book, clock, redeliverMs = 30_000, maxInFlight = 16 } = options;
  const patience = newPatience(options);
  const inFlight = new Set<number>();
  /** When the stream last took an event that is not confirmed, and how often it did. */
  const published = new Map<number, Publication>();
  let timer: { cancel(): void } | undefined;
  let stopped = false;

  function round(): void {
    if (stopped) return;
    timer?.cancel();
    timer = undefined;
    if (patience.leftMs() > 0) {
      wait(patience.leftMs());
      return;
    }
    const nowMs = clock.monotonicMs();
    let nextMs: number | null = null;
    for (const event of book.pendingEvents(roundLimit)) {
      if (inFlight.has(event.seq)) continue;
      const dueMs = dueAgainMs(published.get(event.seq), redeliverMs);
      if (dueMs > nowMs) nextMs = Math.min(nextMs ?? dueMs, dueMs);
      else if (inFlight.size < maxInFlight) void publish(event);
    }
    if (nextMs !== null) wait(nextMs - nowMs);
  }

  async function publish(event: ResultEvent): Promise<void> {
    inFlight.add(event.seq);
    const repeat = published.get(event.seq)?.times ?? 0;
    await book.flush().catch(breakDown);
    if (stopped) return;
    try {
      if (book.isPending(event.seq)) await options.publish(event, repeat);
      if (book.isPending(event.seq)) published.set(event.seq, { atMs: clock.monotonicMs(), times: repeat + 1 });
      patience.over();
    } catch (error) {
      patience.failed(error, event.seq);
    } finally {
      inFlight.delete(event.seq);
      round();
    }
  }

  function breakDown(error: unknown): void {
    if (!stopped) options.broken(error);
    stopped = true;
  }

  function wait(ms: number): void {
    timer?.cancel();
    timer = clock.after(Math.max(1, ms), round);
  }

  return {
    wake: round,
    busIsBack() {
      patience.over();
      round();
    },
    confirm(sequences) {
      book.confirm(sequences);
      for (const seq of sequences) published.delete(seq);
      round();
    },
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
