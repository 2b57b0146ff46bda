// The one writer: takes events from everywhere, lets the core decide, keeps the journal, hands out commands.
//
//   post ─▶ mailbox ─▶ [ admit · stamp · step · decide … ] ─▶ commit ─▶ launch commands, tell watchers, answer posts
//
// Invariants: 1. Nothing leaves this actor (command, answer, notice) before the events behind it are on disk.
// 2. A batch is taken, applied and committed without yielding, so readers of `state` never see an uncommitted event.
// 3. A throw is a bug or a broken disk: the state in memory may then be ahead of the journal, so the actor never works again
//    and `failed` tells the daemon to end. 4. Working time goes on from the journal's last stamp; it never goes back.

import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { admits } from '../core/admission.ts';
import { audit } from '../core/audit.ts';
import { nextWakeMs } from '../core/budget.ts';
import type { Command } from '../core/command.ts';
import { decide } from '../core/decide.ts';
import type { Event, StampedEvent } from '../core/event.ts';
import { outstanding } from '../core/outstanding.ts';
import type { State } from '../core/state.ts';
import { step } from '../core/step.ts';
import type { Journal } from '../journal/journal.ts';
import { newRehearsal, type Stage } from './rehearsal.ts';

/** Events that wait; 1,000 hosts that report all 8 of their slots at once, and as many again. */
const mailboxLimit = 16_384;
/** Events in one transaction: bounds how long the actor holds the thread (about 20 ms). */
const batchLimit = 512;
/** How much working time a crash may forget of a budget while nothing else happens. */
const tickMs = 10_000;
const auditMs = 60_000;

export interface SearchActor extends Stage {
  /** A stage on which events change nothing here, for requests that only want to know. */
  rehearsal(): Stage;
  /**
   * As `post`, but never refused for want of room: what a command has come to, or what a host was found to be. These are no more
   * than there are commands and hosts, and nobody would say them again.
   */
  report(event: Event): Promise<boolean>;
  /** Resolves after the next commit. */
  nextCommit(): Promise<void>;
  /** Issues what was outstanding when the last process ended, and starts deciding. */
  start(): void;
  /** Rejects where the actor died of a bug or of its disk. */
  readonly failed: Promise<never>;
  /** Takes no more events; those taken are committed. */
  stop(): void;
}

export interface SearchActorOptions {
  readonly journal: Pick<Journal, 'fold' | 'append'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly launch: (command: Command) => void;
  /** Runs work as soon as the thread is free, so that what comes meanwhile shares its commit; `setImmediate` unless stated. */
  readonly soon?: (work: () => void) => { cancel(): void };
  /** Told of every commit, for metrics. */
  readonly onCommit?: (events: readonly StampedEvent[], commitMs: number) => void;
}

interface Letter {
  readonly event: Event;
  readonly answer: PromiseWithResolvers<boolean>;
}

/** Folds the journal and takes its place as the only writer. */
export function openSearchActor(options: SearchActorOptions): SearchActor {
  return new LiveSearchActor(options);
}

class LiveSearchActor implements SearchActor {
  readonly state: State;
  readonly isRehearsal = false;
  private readonly options: SearchActorOptions;
  private readonly startedMs: number;
  private readonly baseMs: number;
  private readonly mailbox: Letter[] = [];
  private readonly death = Promise.withResolvers<never>();
  private committed = Promise.withResolvers<void>();
  private status: 'new' | 'open' | 'stopped' | 'dead' = 'new';
  private drainSoon: { cancel(): void } | undefined;
  private wake: { cancel(): void } | undefined;
  private nextAuditMs: number;

  constructor(options: SearchActorOptions) {
    this.options = options;
    this.state = options.journal.fold();
    this.baseMs = this.state.clockMs;
    this.startedMs = options.clock.monotonicMs();
    this.nextAuditMs = this.baseMs + auditMs;
    // Nobody need wait for a death that does not come.
    this.death.promise.catch(() => undefined);
  }

  get failed(): Promise<never> {
    return this.death.promise;
  }

  clockMs(): number {
    return Math.round(this.baseMs + this.options.clock.monotonicMs() - this.startedMs);
  }

  nextCommit(): Promise<void> {
    return this.committed.promise;
  }

  start(): void {
    this.status = 'open';
    for (const command of outstanding(this.state)) this.options.launch(command);
    // Whatever the last process had no time to decide is decided now.
    this.schedule();
  }

  stop(): void {
    this.drainSoon?.cancel();
    while (this.status === 'open' && this.mailbox.length > 0) this.drain();
    if (this.status !== 'dead') this.status = 'stopped';
    this.wake?.cancel();
    this.notify();
  }

  async post(event: Event): Promise<boolean> {
    if (this.mailbox.length >= mailboxLimit && this.status !== 'dead' && this.status !== 'stopped') {
      throw new RpcFault('resourceExhausted', 'the coordinator has too much to do; try again in a moment');
    }
    return await this.report(event);
  }

  async report(event: Event): Promise<boolean> {
    if (this.status === 'dead' || this.status === 'stopped') {
      throw new RpcFault('unavailable', 'the coordinator is stopping; ask again when it is back');
    }
    const answer = Promise.withResolvers<boolean>();
    this.mailbox.push({ event, answer });
    if (this.status === 'open') this.schedule();
    return await answer.promise;
  }

  rehearsal(): Stage {
    return newRehearsal(this.state, () => this.time());
  }

  private time(): { at: number; clockMs: number } {
    return { at: this.options.clock.now().getTime(), clockMs: this.clockMs() };
  }

  private schedule(): void {
    this.drainSoon ??= (this.options.soon ?? immediately)(() => this.drain());
  }

  private drain(): void {
    this.drainSoon = undefined;
    if (this.status === 'dead') return;
    const { journal, launch } = this.options;
    const batch = this.mailbox.splice(0, batchLimit);
    try {
      const { events, commands, admitted } = applyBatch(this.state, batch, this.time());
      if (events.length > 0) this.commit(journal, events);
      for (const command of commands) launch(command);
      for (const [index, letter] of batch.entries()) letter.answer.resolve(admitted[index] === true);
      if (events.length > 0) this.notify();
    } catch (error) {
      this.die(error, batch);
      return;
    }
    if (this.mailbox.length > 0) this.schedule();
    else this.armWake();
  }

  private commit(journal: SearchActorOptions['journal'], events: readonly StampedEvent[]): void {
    const { clock, onCommit } = this.options;
    const beganMs = clock.monotonicMs();
    journal.append(events);
    onCommit?.(events, clock.monotonicMs() - beganMs);
  }

  private notify(): void {
    const before = this.committed;
    this.committed = Promise.withResolvers();
    before.resolve();
  }

  private die(error: unknown, batch: readonly Letter[]): void {
    this.status = 'dead';
    this.wake?.cancel();
    const death = new Error('the search actor died; the journal holds all that it had committed', { cause: error });
    for (const letter of [...batch, ...this.mailbox.splice(0)]) letter.answer.reject(death);
    this.death.reject(death);
  }

  private armWake(): void {
    this.wake?.cancel();
    if (this.status !== 'open' || this.state.activeRuns.size === 0) return;
    const dueMs = (nextWakeMs(this.state) ?? Number.POSITIVE_INFINITY) - this.clockMs();
    this.wake = this.options.clock.after(Math.max(1, Math.min(tickMs, dueMs)), () => this.tick());
  }

  private tick(): void {
    if (this.clockMs() >= this.nextAuditMs) {
      this.nextAuditMs = this.clockMs() + auditMs;
      for (const problem of audit(this.state)) {
        this.options.log.error({ problem }, 'an invariant of the search is broken');
      }
    }
    this.post({ kind: 'clockTicked' }).catch((error: unknown) => {
      this.options.log.debug({ error }, 'a tick was not taken');
    });
  }
}

function immediately(work: () => void): { cancel(): void } {
  const immediate = setImmediate(work);
  return { cancel: () => clearImmediate(immediate) };
}

interface Applied {
  readonly events: StampedEvent[];
  readonly commands: Command[];
  /** For each event of the batch. */
  readonly admitted: boolean[];
}

function describe(event: Event): string {
  return JSON.stringify(event).slice(0, 300);
}

function applyBatch(state: State, batch: readonly Letter[], time: { at: number; clockMs: number }): Applied {
  const events: StampedEvent[] = [];
  const commands: Command[] = [];
  const apply = (event: Event): void => {
    const stamped = { ...event, ...time, sequence: state.sequence + 1 };
    events.push(stamped);
    commands.push(...step(state, stamped));
  };
  const settle = (): void => {
    for (let next = decide(state); next !== undefined; next = decide(state)) {
      // Taken all the same it would change nothing, and be decided again without end.
      if (!admits(state, next)) throw new Error(`invariant broken: decided on what is not admitted: ${describe(next)}`);
      apply(next);
    }
  };
  settle();
  const admitted = batch.map(({ event }) => {
    if (!admits(state, event)) return false;
    apply(event);
    settle();
    return true;
  });
  return { events, commands, admitted };
}
