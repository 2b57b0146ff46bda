// The agent of one host: which attempts run here, under which leases, and what the coordinator is told of them.
//
// Owns: the table of attempts, leases and their fencing, slots, heartbeats.
// Leaves to attempt.ts: the life of one attempt; to outbox/: events; to rpc/: the wire.
// Invariants:
// 1. An attempt is in the book before it starts, and it starts only under the highest epoch seen.
// 2. Work whose lease has not been renewed for 0.8 of its term is stopped (core/lease.ts).
// 3. After a restart every container is kept or removed, and every attempt that had not ended goes on or is reported. It goes
//    on only when the coordinator has renewed its lease: how long this daemon was away nobody can tell by its own clock.
// 4. A slot never holds more attempts than its capacity. What only stores its artifacts has left it.

import { onBeat } from '../shared/clock.ts';
import type { SlotId } from '../shared/core/ids.ts';
import { fenceShare } from '../shared/core/lease-term.ts';
import type { AgentOptions } from './agent-options.ts';
import { AgentRefusal, checkRoom } from './agent-refusal.ts';
import { type Attempt, startAttempt } from './attempt.ts';
import { type AddedGuidance, type AttemptOrder, plannedEntry } from './attempt-order.ts';
import { fence, grant, type Leases, nextFenceMs, noLeases, offer, release, renew } from './core/lease.ts';
import { resume } from './core/react.ts';
import { createSlotLock, type SlotLock } from './core/slot-lock.ts';
import { type Trajectory, undecided } from './core/trajectory.ts';
import type { TrajectoryEvent } from './core/trajectory-event.ts';
import { heartbeatOf } from './heartbeat.ts';
import { type Outbox, startOutbox } from './outbox/outbox.ts';
import { TranscriptFeed } from './outbox/transcript-feed.ts';
import { type Left, takeStock } from './recovery.ts';
import type { AttemptName, HostDescription, HostSlot, SlotReport } from './slots.ts';
import { UnsettledSlots } from './unsettled-slots.ts';

type Mode = 'running' | 'draining' | 'stopped';

/** Starts the agent: reconciles with the engine first, then takes orders. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const agent = new Agent(options);
  await agent.recover();
  return agent;
}

export class Agent {
  /** Rejects where an attempt met a bug or a failing book; never resolves otherwise before `stop`. */
  readonly done: Promise<void>;
  readonly #options: AgentOptions;
  readonly #outbox: Outbox;
  readonly #attempts = new Map<string, Attempt>();
  readonly #dormant = new Map<string, Left>();
  readonly #locks = new Map<SlotId, SlotLock>();
  readonly #failed = Promise.withResolvers<void>();
  readonly #feed: TranscriptFeed;
  readonly #stopping = new AbortController();
  readonly #unsettled: UnsettledSlots;
  #leases: Leases = noLeases;
  #fenceTimer: { cancel(): void } | undefined;
  #heartbeatTimer: { cancel(): void } | undefined;
  #heartbeats = 0;
  #address: string | null = null;
  #mode: Mode = 'running';
  /** Told whenever something has ended or was confirmed. */
  #quieter: () => void = () => undefined;

  constructor(options: AgentOptions) {
    const { ports, bus, random } = options;
    this.#options = options;
    this.#feed = new TranscriptFeed(
      ports.book,
      (id) => (this.#attempts.has(id) || this.#dormant.has(id)) && this.#mode !== 'stopped',
    );
    this.#unsettled = new UnsettledSlots(ports.clock, () => this.slotsChanged());
    this.done = this.#failed.promise;
    this.done.catch(() => undefined);
    this.#outbox = startOutbox({
      book: ports.book,
      publish: (event, repeat) => bus.publishResult(event, repeat),
      broken: (error) => this.#failed.reject(error),
      clock: ports.clock,
      log: ports.log,
      random,
    });
  }

  /** Takes up what an earlier daemon left. */
  async recover(): Promise<void> {
    const { left, restless, removed, condemned } = await takeStock(this.#options.ports, this.#stopping.signal);
    for (const { slotId, quiet } of restless) {
      // The lock is granted in the order of asking, and nobody has asked before.
      void this.#lock(slotId)
        .acquire('cleanSlate', this.#stopping.signal)
        .then((release) => this.#lock(slotId).keep(release, quiet))
        .catch(() => undefined);
    }
    for (const sleeper of left) {
      if (undecided(sleeper.state)) this.#dormant.set(sleeper.order.attemptId, sleeper);
      else this.#resume(sleeper);
    }
    if (removed + left.length + condemned > 0) {
      const told = { removed, resumed: left.length, dormant: this.#dormant.size, condemned };
      this.#options.ports.log.info(told, 'took up what the last daemon left');
    }
    this.#armFence();
    this.#outbox.wake();
  }

  /** Starts heartbeats. `address` is the host:port at which the coordinator reaches this agent. */
  announce(address: string): void {
    this.#address = address;
    this.#heartbeatTimer = onBeat(this.#options.ports.clock, this.#options.heartbeatMs, () => this.#beat());
  }

  /** Records and starts an attempt. Throws AgentRefusal. */
  start(order: AttemptOrder): { readonly alreadyKnown: boolean } {
    const { book, clock, log } = this.#options.ports;
    const verdict = offer(book.epochOf(order.attemptId), order.epoch);
    if (verdict === 'known') {
      this.#wake(order.attemptId);
      return { alreadyKnown: true };
    }
    if (verdict === 'older') {
      throw new AgentRefusal('staleEpoch', `attempt ${order.attemptId} is known here under a later epoch`);
    }
    if (this.#mode !== 'running') throw new AgentRefusal('draining', 'this host takes no new attempts');
    // An older execution goes on for a moment, so that it can be abandoned like any other.
    this.#wake(order.attemptId);
    const older = this.#attempts.get(order.attemptId);
    this.#checkRoom(order, older);
    const first = plannedEntry(order, this.#options.contextCharacters);
    const { host, bootId } = this.#options.ports;
    const { runId, attemptId, epoch, slotId } = order;
    // The older actor must write nothing more before the book forgets its epoch.
    older?.abandon().catch((error: unknown) => log.warn({ error, attemptId }, 'an older epoch left something behind'));
    const started = { v: 1, host, bootId, runId, attemptId, epoch, kind: 'attemptStarted', body: { slotId } } as const;
    book.open(order, first, order.answerIsStart === true ? undefined : started, clock.now());
    log.info({ runId, attemptId, epoch, slotId, operator: order.operator }, 'attempt started');
    this.#run(order, resume([first]));
    this.#armFence();
    this.#outbox.wake();
    return { alreadyKnown: false };
  }

  /** Stops an attempt; false where it is not known under this or a later epoch. */
  cancel({ attemptId, epoch }: AttemptName, reason: string): boolean {
    this.#wake(attemptId);
    const attempt = this.#attempts.get(attemptId);
    if (attempt === undefined) return this.#options.ports.book.epochOf(attemptId) === epoch;
    if (epoch < attempt.order.epoch) return false;
    attempt.stop('cancelled', reason === '' ? 'Stopped on request.' : reason);
    return true;
  }

  /** Renews leases, passes on what was added to the guidance of their runs, and returns the leases that this host does not hold. */
  renew<Name extends AttemptName>(
    names: readonly Name[],
    ttlMs: number,
    guidance: readonly AddedGuidance[] = [],
  ): Name[] {
    const nowMs = this.#options.ports.clock.monotonicMs();
    this.#wakeAll(names);
    const unknown = names.filter(({ attemptId, epoch }) => {
      const renewed = renew(this.#leases, attemptId, epoch, ttlMs, nowMs);
      this.#leases = renewed ?? this.#leases;
      if (renewed !== null || this.#attempts.get(attemptId)?.order.epoch === epoch) return false;
      return !this.#options.ports.book.awaitsReceipt(attemptId, epoch);
    });
    this.#armFence();
    for (const { runId, added } of guidance) {
      for (const attempt of this.#attempts.values()) if (attempt.order.runId === runId) attempt.guide(added);
    }
    return unknown;
  }

  /** The coordinator has these events in its journal. */
  confirm(sequences: readonly number[]): void {
    this.#outbox.confirm(sequences);
    this.#quieter();
  }

  /** The bus is connected again. */
  busIsBack(): void {
    this.#outbox.busIsBack();
  }

  /** The health of a slot has changed: what runs on one that is known to be unusable cannot be trusted. */
  slotsChanged(): void {
    for (const slot of this.#hardware()) {
      for (const attempt of this.#attempts.values()) stopOnUnusable(attempt, slot);
    }
    this.#beat();
  }

  /** Takes no new attempts from now on. */
  drain(): void {
    if (this.#mode !== 'running') return;
    this.#mode = 'draining';
    this.#publishHeartbeat();
  }

  /** Resolves with true when nothing runs here and the coordinator has confirmed all; with false after `patienceMs`. */
  async settle(patienceMs: number): Promise<boolean> {
    const { book, clock } = this.#options.ports;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#quieter = () => {
      if (this.#attempts.size === 0 && book.pendingCount() === 0) resolve(true);
    };
    const timer = clock.after(patienceMs, () => resolve(false));
    this.#quieter();
    const quiet = await promise;
    timer.cancel();
    this.#quieter = () => undefined;
    return quiet;
  }

  describe(): HostDescription {
    const { ports, version, imageDigest, largestSandbox } = this.#options;
    return {
      host: ports.host,
      bootId: ports.bootId,
      version,
      imageDigest,
      ...(largestSandbox && { largestSandbox }),
      draining: this.#mode !== 'running',
      outboxEvents: ports.book.pendingCount(),
      slots: this.#slots().map((slot) => this.#report(slot)),
    };
  }

  /** Entries of a transcript, and those to come while the attempt runs; null where the attempt is unknown. */
  transcript(
    attemptId: string,
    from: number,
    follow: boolean,
    signal: AbortSignal,
  ): AsyncIterable<{ entry: number; json: string }> | null {
    if (this.#options.ports.book.epochOf(attemptId) === undefined) return null;
    return this.#feed.entries(attemptId, from, follow, signal);
  }

  /** Stops without ending attempts: their sandboxes and the book stay for the next daemon. */
  async stop(): Promise<void> {
    this.#mode = 'stopped';
    this.#stopping.abort(new Error('the daemon stops'));
    this.#fenceTimer?.cancel();
    this.#heartbeatTimer?.cancel();
    this.#unsettled.stop();
    await Promise.all([...this.#attempts.values()].map((attempt) => attempt.suspend()));
    this.#outbox.stop();
    this.#feed.changed();
  }

  #checkRoom(order: AttemptOrder, older: Attempt | undefined): void {
    const slot = this.#slots().find((candidate) => candidate.slotId === order.slotId);
    const others = [...this.#attempts.values()].filter((attempt) => attempt.isOnSlot() && attempt !== older);
    const held = [...others, ...this.#dormant.values()].filter((attempt) => attempt.order.slotId === order.slotId);
    checkRoom(slot, order.slotId, held.length, this.#options.trajectoriesPerSlot);
  }

  /** The coordinator has told which leases this host holds: what it left out belongs to others by now. */
  #wakeAll(names: readonly AttemptName[]): void {
    for (const { order } of [...this.#dormant.values()]) {
      const { attemptId, epoch } = order;
      this.#wake(attemptId);
      if (names.some((name) => name.attemptId === attemptId && name.epoch === epoch)) continue;
      this.#attempts.get(attemptId)?.stop('leaseLost', 'The lease ended while this daemon was away.');
    }
  }

  #wake(attemptId: string): void {
    const sleeper = this.#dormant.get(attemptId);
    if (sleeper === undefined) return;
    // First: where the book cannot be written, it sleeps on with its sandbox until it can.
    this.#resume(sleeper);
    this.#dormant.delete(attemptId);
  }

  #resume({ order, resumption, state, takeOver }: Left): void {
    const { containerId, sandboxLost } = resumption;
    const { book, clock } = this.#options.ports;
    const { elapsedSeconds } = state;
    const entry: TrajectoryEvent = sandboxLost
      ? { kind: 'infrastructureFailed', message: 'The sandbox was gone when the host was restarted.', elapsedSeconds }
      : { kind: 'resumed', elapsedSeconds };
    book.append(order, entry, clock.now());
    takeOver();
    this.#run(order, resume(book.transcript(order)), containerId ?? undefined);
  }

  #run(order: AttemptOrder, state: Trajectory, containerId?: string): void {
    const { ports } = this.#options;
    const { attemptId, epoch, slotId } = order;
    const renewedAtMs = ports.clock.monotonicMs();
    this.#leases = grant(this.#leases, { attemptId, epoch, ttlMs: order.leaseTtlMs, renewedAtMs });
    const slot = this.#hardware().find((candidate) => candidate.slotId === slotId);
    const others = [...[...this.#attempts.values()].filter((other) => other.isOnSlot()), ...this.#dormant.values()];
    const isAlone = !others.some((other) => other.order.slotId === slotId && other.order.attemptId !== attemptId);
    const { idle } = this.#options;
    const attempt = startAttempt({
      order,
      ports,
      place: {
        slot: this.#lock(slotId),
        deviceName: slot?.deviceName ?? '',
        ...(containerId === undefined && idle !== undefined ? { ready: () => idle(slotId, isAlone) } : {}),
        ...(slot?.device === undefined ? {} : { device: slot.device }),
      },
      state,
      ...(containerId === undefined ? {} : { containerId }),
      onEntry: () => this.#feed.changed(),
    });
    this.#attempts.set(attemptId, attempt);
    // Of an earlier daemon, for whose slot nothing will change any more.
    if (slot !== undefined) stopOnUnusable(attempt, slot);
    attempt.done.then(
      () => this.#forget(attempt),
      (error: unknown) => this.#failed.reject(error),
    );
  }

  #forget(attempt: Attempt): void {
    const { attemptId, epoch } = attempt.order;
    if (this.#attempts.get(attemptId) === attempt) this.#attempts.delete(attemptId);
    this.#leases = release(this.#leases, attemptId, epoch);
    const { phase, concluded } = attempt.state();
    if (phase.kind === 'ended' && concluded !== null) this.#options.observer?.ended(concluded);
    if (this.#mode === 'stopped') return;
    this.#armFence();
    this.#outbox.wake();
    this.#feed.changed();
    this.#quieter();
  }

  #lock(slotId: SlotId): SlotLock {
    const lock = this.#locks.get(slotId) ?? createSlotLock((isKept) => this.#unsettled.note(slotId, isKept));
    this.#locks.set(slotId, lock);
    return lock;
  }

  #armFence(): void {
    this.#fenceTimer?.cancel();
    const nextMs = nextFenceMs(this.#leases);
    if (nextMs === null || this.#mode === 'stopped') return;
    const { clock } = this.#options.ports;
    this.#fenceTimer = clock.after(Math.max(0, Math.ceil(nextMs - clock.monotonicMs())), () => this.#fence());
  }

  #fence(): void {
    const { leases, fenced } = fence(this.#leases, this.#options.ports.clock.monotonicMs());
    this.#leases = leases;
    for (const lease of fenced) {
      const seconds = ((lease.ttlMs * fenceShare) / 1000).toFixed(1);
      this.#attempts.get(lease.attemptId)?.stop('leaseLost', `The lease was not renewed for ${seconds} s.`);
    }
    this.#armFence();
  }

  /** As they are for what is to begin. */
  #slots(): readonly HostSlot[] {
    const slots = this.#hardware();
    const trouble = this.#options.trouble?.() ?? '';
    if (trouble === '') return slots;
    return slots.map((slot) => ({ ...slot, health: 'unusable', healthReason: trouble }));
  }

  #hardware(): readonly HostSlot[] {
    return this.#options.slots().map((slot) => this.#unsettled.seen(slot));
  }

  #report(slot: HostSlot): SlotReport {
    const attempts = [...this.#attempts.values(), ...this.#dormant.values()]
      .filter((attempt) => attempt.order.slotId === slot.slotId)
      .map(({ order: { runId, attemptId, epoch } }) => ({ runId, attemptId, epoch }));
    return { ...slot, capacity: this.#options.trajectoriesPerSlot, attempts };
  }

  /** At once, or when its time has come: silence means that the host is gone. */
  #beat(): void {
    if (this.#mode === 'stopped') return;
    this.#publishHeartbeat();
  }

  #publishHeartbeat(): void {
    const address = this.#address;
    if (address === null) return;
    const { ports, bus } = this.#options;
    const description = this.describe();
    this.#options.observer?.described(description);
    const heartbeat = heartbeatOf(description, address, this.#heartbeats);
    this.#heartbeats += 1;
    Promise.resolve(bus.publishHeartbeat(heartbeat)).catch((error: unknown) =>
      ports.log.debug({ error }, 'a heartbeat was not published'),
    );
  }
}

/** Ends an attempt on a slot on which nothing that is computed can be trusted. */
function stopOnUnusable(attempt: Attempt, { slotId, health, healthReason, runsOn = false }: HostSlot): void {
  if (attempt.order.slotId !== slotId || health !== 'unusable' || runsOn) return;
  attempt.stop('infrastructure', `Slot ${slotId}: ${healthReason}`);
}
