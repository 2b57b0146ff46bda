// One attempt on this host: the actor that has a trajectory's events in the book before it obeys the machine.
//
// Owns: the order (perform → record → step), stopping, the trajectory's clock, the end's event.
// Leaves to core/react.ts: every decision; to performer.ts: doing things.
// Invariants:
// 1. An event is in the book before the next command starts; the end is on disk before what was staged for it goes, and before
//    anybody hears of it (docs/decisions/0007).
// 2. `stop` ends as an event like any other end; `suspend` leaves sandbox and book as they are, for the next daemon;
//    `abandon` (a newer epoch) removes the sandboxes and reports nothing.
// 3. A failing book is not survivable: then `done` rejects and the daemon ends.

import type { AttemptEnded } from '../shared/bus/messages.ts';
import type { Clock } from '../shared/clock.ts';
import { digest } from '../shared/core/ids.ts';
import type { FailureReason } from '../shared/core/vocabulary.ts';
import { type Logger, messageChain } from '../shared/log.ts';
import { unlessAborted } from '../shared/unless-aborted.ts';
import type { AttemptOrder } from './attempt-order.ts';
import type { OutsideCommand } from './attempt-work.ts';
import { type Command, commandOf } from './core/command.ts';
import { step } from './core/react.ts';
import { adoptionsInVain, mostAdoptions } from './core/reconcile.ts';
import type { SlotLock } from './core/slot-lock.ts';
import { type Remaining, remaining, type Trajectory, undecided } from './core/trajectory.ts';
import type { StopRequested, StoredArtifacts, TrajectoryEvent } from './core/trajectory-event.ts';
import type { HostBook, Unnumbered } from './outbox/host-book.ts';
import type { OpenPerformer, Performer } from './performer.ts';
import { plainObservation } from './tools/observation.ts';
import type { TrajectoryClock } from './work.ts';

export interface AttemptPorts {
  readonly host: string;
  readonly bootId: string;
  readonly book: HostBook;
  readonly clock: Clock;
  readonly log: Logger;
  readonly openPerformer: OpenPerformer;
}

interface AttemptPlace {
  readonly slot: SlotLock;
  /** GPU or MIG UUID; absent on a CPU slot. */
  readonly device?: string;
  readonly deviceName: string;
  /** Rejects where the slot is not fit for a beginning. */
  readonly ready?: () => Promise<void>;
}

export interface AttemptOptions {
  readonly order: AttemptOrder;
  readonly ports: AttemptPorts;
  readonly place: AttemptPlace;
  /** The state that the book's transcript gives. */
  readonly state: Trajectory;
  /** The sandbox to go on in; absent where a new one is to be made when needed. */
  readonly containerId?: string;
  /** Called after every new entry of the transcript, and after the end. */
  readonly onEntry: () => void;
}

/** How long a command that was told to stop may take before it is left alone. */
const stopGraceMs = 5000;

type Ending = { readonly kind: 'stop'; readonly event: TrajectoryEvent } | { readonly kind: 'leave' };

/** Starts where the state stands. */
export function startAttempt(options: AttemptOptions): Attempt {
  return new Attempt(options);
}

export class Attempt {
  readonly order: AttemptOrder;
  /** Resolves when the attempt has ended, was suspended or abandoned; rejects where the book fails. */
  readonly done: Promise<void>;
  readonly #options: AttemptOptions;
  readonly #log: Logger;
  readonly #performer: Performer;
  readonly #time: TrajectoryClock;
  #state: Trajectory;
  #ending: Ending | undefined;
  #running = new AbortController();
  #vacated = false;

  constructor(options: AttemptOptions) {
    const { order, ports, place } = options;
    const { runId, attemptId, epoch } = order;
    this.order = order;
    this.#options = options;
    this.#state = options.state;
    this.#log = ports.log.child({ runId, attemptId, epoch });
    this.#time = trajectoryClock(ports.clock, options.state.elapsedSeconds);
    this.#performer = ports.openPerformer({
      ...place,
      order,
      time: this.#time,
      log: this.#log,
      transcript: () => transcriptBytes(ports.book, order),
      remaining: () => this.#remaining(),
    });
    this.done = this.#run();
  }

  state(): Trajectory {
    return this.#state;
  }

  /**
   * False once its outcome is decided and its sandboxes are gone. It is not over before its artifacts are stored, and where the
   * coordinator is slow or was away that takes a while, in which the coordinator may have given the slot to others.
   */
  isOnSlot(): boolean {
    return !this.#vacated;
  }

  #remaining(): Remaining {
    return remaining(this.#state, this.#time.elapsedSeconds());
  }

  /** Ends the attempt as a failure of this kind, unless its outcome is decided already. */
  stop(reason: StopRequested['reason'], message: string): void {
    if (!undecided(this.#state) || this.#ending !== undefined) return;
    this.#log.info({ reason, detail: message }, 'attempt is being stopped');
    const elapsedSeconds = this.#time.elapsedSeconds();
    this.#ending = { kind: 'stop', event: { kind: 'stopRequested', reason, message, elapsedSeconds } };
    this.#running.abort(new Error(message));
    // At once, not when the command has noticed: a fenced lease means that nothing of it may run on.
    this.#removeSandboxes();
  }

  /** What was added to the run's guidance so far; what the trajectory has not heard is recorded, and told with its next turn. */
  guide(added: readonly string[]): void {
    if (this.#ending !== undefined) return;
    const heard = Math.max(this.order.guidanceAdded ?? 0, this.#state.guided);
    for (const [index, guidance] of added.entries()) {
      if (index < heard) continue;
      // Not by the clock: it may stand while a slot or an engine is waited for, which is known when that is over.
      this.#record({ kind: 'guided', number: index + 1, guidance, elapsedSeconds: this.#state.elapsedSeconds });
    }
  }

  /** A newer epoch has come: everything goes, nothing is reported. */
  async abandon(): Promise<void> {
    const left = this.suspend();
    // At once, as with `stop`.
    const removed = this.#performer.removeSandboxes();
    removed.catch(() => undefined);
    await left;
    await removed;
    await this.#performer.removeStaging();
  }

  /** The daemon stops: sandbox and book stay for the next one. */
  async suspend(): Promise<void> {
    this.#ending = { kind: 'leave' };
    this.#running.abort(new Error('the attempt is left'));
    await this.done.catch(() => undefined);
  }

  async #run(): Promise<void> {
    if (this.#options.containerId !== undefined) await this.#adopt(this.#options.containerId);
    while (this.#ending?.kind !== 'leave') {
      if (this.#ending?.kind === 'stop') this.#record(this.#ending.event);
      this.#ending = undefined;
      if (!undecided(this.#state)) this.#vacate();
      const command = commandOf(this.#state);
      if (command === null) return;
      if (command.kind === 'reportEnd') return await this.#report(command);
      const event = await this.#obey(command);
      if (event === null || this.#left()) continue;
      if (!this.#record(event)) throw new Error(`invariant broken: ${event.kind} does not answer ${command.kind}`);
    }
  }

  #left(): boolean {
    return this.#ending?.kind === 'leave';
  }

  /** False where the event does not fit the state. */
  #record(event: TrajectoryEvent): boolean {
    const [next] = step(this.#state, event);
    if (next === this.#state) return false;
    const { book, clock } = this.#options.ports;
    book.append(this.order, event, clock.now());
    this.#state = next;
    this.#options.onEntry();
    return true;
  }

  /** The event that the command came to; null where it was interrupted. */
  async #obey(command: Exclude<Command, { kind: 'reportEnd' }>): Promise<TrajectoryEvent | null> {
    const elapsedSeconds = this.#time.elapsedSeconds();
    switch (command.kind) {
      case 'conclude':
        return { kind: 'concluded', ...command.outcome, elapsedSeconds };
      case 'refuseCall': {
        const observation = plainObservation(command.observation, 1, this.#remaining());
        return { ...command, kind: 'toolRefused', observation, elapsedSeconds };
      }
      case 'nudge':
        return { kind: 'nudged', observation: command.observation, elapsedSeconds };
      case 'prepare':
      case 'callModel':
      case 'runTool':
      case 'takeSolution':
      case 'runCleanSlate':
      case 'storeArtifacts':
        return await this.#obeyOutside(command);
    }
  }

  async #obeyOutside(command: OutsideCommand): Promise<TrajectoryEvent | null> {
    return await this.#attend(command.kind, async (signal) => {
      if (command.kind === 'prepare') await unlessAborted(this.#options.place.ready?.() ?? Promise.resolve(), signal);
      signal.throwIfAborted();
      return await this.#performer.perform(command, signal);
    });
  }

  /** Takes up the sandbox of an earlier daemon, or records why not; an engine that is away is waited for as under a command. */
  async #adopt(containerId: string): Promise<void> {
    while (this.#ending === undefined) {
      const event = await this.#attend('adopt', async (signal) => {
        await this.#performer.adopt(containerId, signal);
        return null;
      });
      if (event === null || this.#left() || !this.#record(event) || event.kind !== 'resumed') return;
    }
  }

  /** What the work came to, or the event that stands for its failure; null where it was interrupted. */
  async #attend(
    what: OutsideCommand['kind'] | 'adopt',
    work: (signal: AbortSignal) => Promise<TrajectoryEvent | null>,
  ): Promise<TrajectoryEvent | null> {
    this.#running = new AbortController();
    const { signal } = this.#running;
    const interrupted = interruption(signal, this.#options.ports.clock);
    const beganSeconds = this.#time.elapsedSeconds();
    try {
      return await Promise.race([work(signal), interrupted.promise]);
    } catch (error) {
      const failure = await this.#failureOf(what, error, signal);
      if (failure === undefined) {
        this.#log.warn({ error, command: what }, 'the sandbox was interrupted; the attempt goes on');
        // As after a restart of the daemon: what is done again costs nothing the first time.
        this.#time.exclude(this.#time.elapsedSeconds() - beganSeconds);
        return { kind: 'resumed', elapsedSeconds: this.#time.elapsedSeconds() };
      }
      if (this.#ending !== undefined) return null;
      this.#log.warn({ error: failure, command: what }, 'the host failed an attempt');
      const lead = what === 'adopt' ? 'The sandbox could not be taken up again after a restart: ' : '';
      const message = lead + messageChain(failure);
      return { kind: 'infrastructureFailed', message, elapsedSeconds: this.#time.elapsedSeconds() };
    } finally {
      interrupted.cancel();
    }
  }

  /** What is to be told of a failure; undefined where the work may be done again. Of what has not begun nothing is lost: another host is asked sooner than this one is back. */
  async #failureOf(what: OutsideCommand['kind'] | 'adopt', error: unknown, signal: AbortSignal): Promise<unknown> {
    if (this.#ending !== undefined || what === 'prepare') return error;
    try {
      if (!(await unlessAborted(this.#performer.recovers(error, signal), signal))) return error;
    } catch (failure) {
      return new Error(`${messageChain(error)}; the engine did not come back`, { cause: failure });
    }
    const inVain = adoptionsInVain(this.#options.ports.book.transcript(this.order));
    if (inVain < mostAdoptions) return undefined;
    return new Error(`interrupted ${mostAdoptions + 1} times without getting any further`, { cause: error });
  }

  async #report(command: Extract<Command, { kind: 'reportEnd' }>): Promise<void> {
    const { ports, onEntry } = this.#options;
    await this.#performer.removeSandboxes().catch((error: unknown) => {
      this.#log.warn({ error }, 'a sandbox could not be removed; it is tried until the engine is back');
    });
    if (this.#left()) return;
    const event: TrajectoryEvent = { kind: 'reported', elapsedSeconds: this.#time.elapsedSeconds() };
    ports.book.end(this.order, event, endedEvent(this.order, ports, command), ports.clock.now());
    [this.#state] = step(this.#state, event);
    const { failureReason, runSeconds } = command.concluded;
    this.#log.info({ failureReason: failureReason ?? null, runSeconds }, 'attempt ended');
    // An end that a loss of power undid would be reported once more, without the files that are staged for it.
    await ports.book.flush();
    await this.#performer.removeStaging();
    onEntry();
  }

  #vacate(): void {
    this.#performer.removeSandboxes().then(
      () => {
        this.#vacated = true;
      },
      () => undefined,
    );
  }

  /** Without waiting; a failure is met again, and told, when the end is reported. */
  #removeSandboxes(): void {
    this.#performer.removeSandboxes().catch(() => undefined);
  }
}

function trajectoryClock(clock: Clock, fromSeconds: number): TrajectoryClock {
  const startedMs = clock.monotonicMs();
  let excludedSeconds = 0;
  return {
    elapsedSeconds: () => Math.max(0, fromSeconds + (clock.monotonicMs() - startedMs) / 1000 - excludedSeconds),
    exclude(seconds) {
      excludedSeconds += seconds;
    },
  };
}

/** Rejects some time after the signal, for commands that do not heed it. */
function interruption(signal: AbortSignal, clock: Clock): { promise: Promise<never>; cancel(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  let timer: { cancel(): void } | undefined;
  const onAbort = (): void => {
    timer = clock.after(stopGraceMs, () => reject(signal.reason));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    promise,
    cancel() {
      signal.removeEventListener('abort', onAbort);
      timer?.cancel();
    },
  };
}

function transcriptBytes(book: HostBook, order: AttemptOrder): Uint8Array {
  const lines = book.entries(order.attemptId, 0).map((entry) => `${entry.json}\n`);
  return Buffer.from(lines.join(''), 'utf8');
}

/** The end of an attempt as the coordinator is told. */
export function endedEvent(
  order: AttemptOrder,
  { host, bootId }: AttemptPorts,
  { concluded, artifacts }: Extract<Command, { kind: 'reportEnd' }>,
): Unnumbered {
  return {
    v: 1,
    host,
    bootId,
    runId: order.runId,
    attemptId: order.attemptId,
    epoch: order.epoch,
    kind: 'attemptEnded',
    body: {
      ...failureFields(concluded.failureReason, concluded.failureMessage),
      artifacts: digests(artifacts),
      ...(concluded.codeDigest === undefined ? {} : { codeDigest: digest(concluded.codeDigest) }),
      usage: concluded.usage,
      runSeconds: concluded.runSeconds,
      note: concluded.note,
    },
  };
}

function failureFields(
  failureReason: FailureReason | undefined,
  failureMessage: string | undefined,
): Pick<AttemptEnded['body'], 'failureReason' | 'failureMessage'> {
  return failureReason === undefined ? {} : { failureReason, failureMessage: failureMessage ?? '' };
}

function digests(artifacts: StoredArtifacts): AttemptEnded['body']['artifacts'] {
  const known = Object.entries(artifacts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.map(([kind, value]) => [kind, digest(value)]));
}
