// A simulated process: it can be killed and stopped, and its wall clock can be set; its monotonic clock cannot.

import type { Clock } from '../../shared/clock.ts';
import type { Timeline } from './timeline.ts';

/** 2026-01-01. */
const epochMs = 1_767_225_600_000;

export class SimProcess {
  alive: boolean = true;
  stopped: boolean = false;
  wallOffsetMs: number;
  diskIsFull: boolean = false;
  readonly clock: Clock;
  readonly startedMs: number;
  /** Those who wait for an answer: when it is killed they are told that none will come. */
  readonly onKill = new Set<() => void>();
  private readonly messages: (() => void)[] = [];
  private readonly timers: (() => void)[] = [];

  /** By how much its wall clock is wrong. */
  constructor(timeline: Timeline, wallOffsetMs = 0) {
    this.wallOffsetMs = wallOffsetMs;
    this.startedMs = timeline.nowMs;
    this.clock = {
      monotonicMs: () => timeline.nowMs,
      now: () => new Date(epochMs + timeline.nowMs + this.wallOffsetMs),
      after: (ms, work) => {
        let wanted = true;
        const run = (): void => {
          if (wanted) work();
        };
        const entry = timeline.after(ms, () => this.run(run, this.timers));
        return {
          cancel() {
            wanted = false;
            entry.cancel();
          },
        };
      },
    };
  }

  /** Something arrives: it is handled now, when the process goes on, or never. */
  receive(work: () => void): void {
    this.run(work, this.messages);
  }

  kill(): void {
    this.alive = false;
    for (const tell of this.onKill) tell();
    this.onKill.clear();
    this.messages.length = 0;
    this.timers.length = 0;
  }

  /** SIGSTOP. */
  stop(): void {
    this.stopped = true;
  }

  /** SIGCONT: whether sockets are read before overdue timers or after them depends on where the event loop was stopped. */
  goOn(timersFirst: boolean): void {
    this.stopped = false;
    const [messages, timers] = [this.messages.splice(0), this.timers.splice(0)];
    const waiting = timersFirst ? [...timers, ...messages] : [...messages, ...timers];
    for (const work of waiting) this.run(work, this.messages);
  }

  private run(work: () => void, waiting: (() => void)[]): void {
    if (!this.alive) return;
    if (this.stopped) waiting.push(work);
    else work();
  }
}
