// One host as the coordinator deals with it: renews its leases, notices its silence, carries receipts to it.
//
// Owns: the connection to the agent and what is known of its life. Leaves to the core what is done about it, to the agent the
// truth about its slots.
//
//   alive ──(a renewal fails, heartbeats are silent)──▶ suspected ──(a term and a margin without any answer)──▶ lost
//     ▲──────────────────────(gRPC answers)─────────────────┘◀──────(a heartbeat, then gRPC answers)─────────────┘
//
// Invariants: 1. Silence of NATS alone never loses a host: only gRPC that does not answer for a whole term does.
// 2. After a renewal that failed, the next one is sent only when the host has answered a question: a host whose answers
// are lost is not kept alive by renewals that arrive. 3. A lease that the host denies is lost only if its start had been
// acknowledged before the question was asked. 4. A host is lost only when its agent has fenced whatever it was told last
// (patience.ts). 5. All waiting is measured on the monotonic clock.

import type { Heartbeat } from '../../shared/bus/messages.ts';
import { type Clock, nextBeatMs } from '../../shared/clock.ts';
import type { HostName, SlotId } from '../../shared/core/ids.ts';
import { nextFloat, seedRng } from '../../shared/core/rng.ts';
import type { Logger } from '../../shared/log.ts';
import type { RpcClient } from '../../shared/rpc/client.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { Event } from '../core/event.ts';
import { addedGuidance } from '../core/guidance.ts';
import { type HeldLease, leasesOf } from '../core/outstanding.ts';
import type { HostDescription, State } from '../core/state.ts';
import { AcknowledgedStarts, leaseKey } from './acknowledged-starts.ts';
import { KnownDaemon } from './known-daemon.ts';
import { descriptionOfHeartbeat, type StartOrder, toStartRequest } from './messages.ts';
import { Patience } from './patience.ts';
import { Receipts } from './receipts.ts';
import { describedByRefusal } from './refusal.ts';

/** The agent as the coordinator calls it. */
export type AgentClient = RpcClient<'doubleblind.agent.v1.AgentService'>;

/** Makes a client of the agent that serves a host at an address. */
export type ConnectAgent = (host: HostName, address: string) => AgentClient;

/** Cancelling and confirming only record. */
const recordMs = 10_000;
/**
 * Descriptions of a host go into the journal once in so long at most, the newest; the first after a quiet time at once. So no host
 * fills the journal by its heartbeats. Draining and slots may be known so much later: the agent refuses what it cannot take.
 */
const describeEveryMs = 3000;

/** Fractions of the lease's term. With 10 s: looks each second, renews at the first look after 3.3 s, suspects after 3 s. */
const [lookPart, renewPart, silencePart] = [0.1, 1 / 3, 0.3];
/** A host that missed a heartbeat is asked who is there before it gets a start or a renewal: that might be the last one. */
const doubtPart = 0.15;

export interface HostActorOptions {
  readonly name: HostName;
  readonly address: string;
  readonly state: Readonly<State>;
  readonly report: (event: Event) => Promise<boolean>;
  readonly connect: ConnectAgent;
  readonly leaseTtlMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface HostActor {
  hear(heartbeat: Heartbeat): void;
  startAttempt(order: StartOrder, signal: AbortSignal): Promise<void>;
  cancelAttempt(lease: HeldLease, reason: string, signal: AbortSignal): Promise<{ readonly known: boolean }>;
  /** Has the agent told that the journal holds its event. */
  confirm(sequence: number): void;
  /** Renews its leases now: there is something new to tell with them. */
  hasten(): void;
  client(): AgentClient;
  heartbeatAgeMs(): number;
  /** The address of another daemon that goes by this host's name while this one is alive (known-daemon.ts). */
  rival(): string | undefined;
  stop(): void;
}

/** Starts to look after a host. */
export function startHostActor(options: HostActorOptions): HostActor {
  return new LiveHostActor(options);
}

class LiveHostActor implements HostActor {
  private readonly options: HostActorOptions;
  private readonly log: Logger;
  private readonly daemon: KnownDaemon;
  private isDisputed: boolean = false;
  private agent: AgentClient;
  private described = '';
  private describedMs: number = Number.NEGATIVE_INFINITY;
  private describing: { cancel(): void } | undefined;
  /** What its heartbeats say of it. An equal one does not replace it: what lives for a second just grows old, and costs a large collection. */
  private known: { readonly description: HostDescription; readonly text: string } | undefined;
  private heartbeatMs: number;
  private readonly patience: Patience;
  private renewedMs: number;
  private failing: boolean = false;
  /** The daemon that its leases were renewed with last. */
  private renewedBoot: string | undefined;
  /** True where the leases that it holds are about to go to others. */
  private givenUp: boolean = false;
  /** Of the newest failure. */
  private why: string = '';
  /** True where it was told that the host cannot be reached, so that it is told once. */
  private refused: boolean = false;
  private busy: boolean = false;
  /** True where the next renewal is not to wait for its time. */
  private hurried: boolean = false;
  private stopped: boolean = false;
  /** When it is looked after next. Hosts keep their phases, so that a thousand are not renewed in one moment. */
  private lookDueMs: number;
  private timer: { cancel(): void } | undefined;
  private readonly acknowledged: AcknowledgedStarts;
  private readonly receipts: Receipts;

  constructor(options: HostActorOptions) {
    this.options = options;
    this.log = options.log.child({ host: options.name });
    const now = options.clock.monotonicMs();
    this.acknowledged = new AcknowledgedStarts(options.state, options.name);
    this.daemon = new KnownDaemon(options.address, options.leaseTtlMs, now);
    this.agent = this.connect();
    this.receipts = new Receipts({
      // Of the agent at the time: a host may move.
      deliver: (sequences) => this.agent.confirmEvents({ sequences: [...sequences] }, { deadlineMs: recordMs }),
      renewalMs: options.leaseTtlMs * (renewPart + 2 * lookPart),
      clock: options.clock,
      log: this.log,
    });
    this.heartbeatMs = now;
    this.patience = new Patience(options.leaseTtlMs, now);
    this.renewedMs = now - options.leaseTtlMs;
    // Hosts of the journal are all looked at now, and from then on each in its own time.
    const phases = seedRng(options.name);
    this.lookDueMs = now - options.leaseTtlMs * lookPart * nextFloat(phases);
    this.look();
    this.renewedMs -= options.leaseTtlMs * renewPart * nextFloat(phases);
  }

  hear(heartbeat: Heartbeat): void {
    if (this.stopped) return;
    const nowMs = this.options.clock.monotonicMs();
    const from = this.daemon.address;
    const hearing = this.daemon.hear(heartbeat, nowMs, this.failing);
    const rival = this.rival();
    if (rival !== undefined && !this.isDisputed) {
      this.log.warn({ address: from, ignored: rival }, 'two daemons go by the name of this host: the first one counts');
    }
    this.isDisputed = rival !== undefined;
    if (hearing === 'stranger') return;
    this.heartbeatMs = nowMs;
    this.note(descriptionOfHeartbeat(heartbeat));
    if (hearing === 'moved') {
      this.log.info({ from, to: heartbeat.address }, 'a host has moved');
      this.agent.close();
      this.agent = this.connect();
      this.patience.reconnecting();
    }
    if (heartbeat.draining) void this.receipts.send();
    if (!this.isMember()) {
      this.attend();
      return;
    }
    if (this.isRebooted()) this.attend();
    this.describe();
  }

  private note(description: HostDescription): void {
    // The schema gives every heartbeat the same order of fields; whether a host has changed, the core asks again.
    const text = JSON.stringify(description);
    if (text === this.known?.text) return;
    // A daemon that was started again tells all that is not confirmed once more; its book may be another one.
    if (this.known !== undefined && this.known.description.bootId !== description.bootId) this.receipts.forget();
    this.known = { description, text };
  }

  private describe(): void {
    const { name, clock } = this.options;
    if (this.known === undefined || this.known.text === this.described || this.describing !== undefined) return;
    const waitMs = this.describedMs + describeEveryMs - clock.monotonicMs();
    if (waitMs > 0) {
      this.describing = clock.after(waitMs, () => {
        this.describing = undefined;
        if (!this.stopped && this.isMember()) this.describe();
      });
      return;
    }
    const { description, text } = this.known;
    this.described = text;
    this.describedMs = clock.monotonicMs();
    this.tell({ kind: 'hostChanged', host: name, description });
  }

  async startAttempt(order: StartOrder, signal: AbortSignal): Promise<void> {
    // A start is a lease: while its answer might be lost, no more of them must leave, or the host could never be written off.
    this.refuseUnlessStartable(order);
    if (this.isInDoubt() || !this.patience.isAcquainted()) {
      await this.probe();
      // Meanwhile the host may have been given up, its leases given to others, and it may have joined again.
      this.refuseUnlessStartable(order);
    }
    const deadlineMs = this.patience.grant(this.options.clock.monotonicMs());
    try {
      await this.agent.startAttempt(toStartRequest(order), { deadlineMs, signal });
    } catch (error) {
      this.noteRefusal(error, order.slotId);
      throw error;
    }
    this.acknowledged.add(order);
  }

  private refuseUnlessStartable(order: StartOrder): void {
    const held = leasesOf(this.options.state, this.options.name).some((lease) => leaseKey(lease) === leaseKey(order));
    if (this.failing || !this.isMember() || !held) {
      throw new RpcFault('unavailable', `host ${this.options.name} does not answer at present`);
    }
  }

  async cancelAttempt(lease: HeldLease, reason: string, signal: AbortSignal): Promise<{ readonly known: boolean }> {
    const { runId, attemptId, epoch } = lease;
    const request = { attempt: { runId, attemptId, epoch }, reason };
    const { known } = await this.agent.cancelAttempt(request, { deadlineMs: recordMs, signal });
    return { known };
  }

  confirm(sequence: number): void {
    this.receipts.add(sequence);
    if (this.known?.description.draining === true) void this.receipts.send();
  }

  hasten(): void {
    if (this.stopped || !this.isMember()) return;
    this.hurried = true;
    this.attend();
  }

  client(): AgentClient {
    return this.agent;
  }

  heartbeatAgeMs(): number {
    return this.options.clock.monotonicMs() - this.heartbeatMs;
  }

  rival(): string | undefined {
    return this.daemon.rival(this.options.clock.monotonicMs());
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.receipts.stop();
    this.describing?.cancel();
    this.agent.close();
  }

  private connect(): AgentClient {
    return this.options.connect(this.options.name, this.daemon.address);
  }

  /** A daemon that was started again waits for its leases to be renewed before it goes on. */
  private isRebooted(): boolean {
    return this.known !== undefined && this.known.description.bootId !== this.renewedBoot;
  }

  private isInDoubt(): boolean {
    return this.heartbeatAgeMs() > this.options.leaseTtlMs * doubtPart;
  }

  /** False from the moment that it is given up, which is before the journal says so. */
  private isMember(): boolean {
    return !this.givenUp && this.options.state.hosts.get(this.options.name)?.lost === false;
  }

  private look(): void {
    if (this.stopped) return;
    if (this.failing && this.untilLostMs() <= 0) this.lose();
    const { clock, leaseTtlMs } = this.options;
    const nowMs = clock.monotonicMs();
    this.lookDueMs = nextBeatMs(this.lookDueMs, leaseTtlMs * lookPart, nowMs);
    const untilLostMs = this.failing && this.isMember() ? Math.max(1, this.untilLostMs()) : Number.POSITIVE_INFINITY;
    this.timer = clock.after(Math.min(this.lookDueMs - nowMs, untilLostMs), () => this.look());
    if (this.isMember()) this.attend();
    this.receipts.sendOverdue();
  }

  /** One round with the agent, if one is due and none is under way. */
  private attend(): void {
    const { clock, leaseTtlMs } = this.options;
    const silent = this.heartbeatAgeMs() > leaseTtlMs * silencePart;
    const due = this.isRebooted() || this.hurried || clock.monotonicMs() - this.renewedMs >= leaseTtlMs * renewPart;
    if (this.busy || !(due || silent || this.failing || !this.isMember())) return;
    this.busy = true;
    this.hurried = false;
    void this.ask(silent).finally(() => {
      this.busy = false;
      if (this.hurried) this.hasten();
    });
  }

  private async ask(silent: boolean): Promise<void> {
    const { name, state } = this.options;
    try {
      if (this.failing || silent || this.isInDoubt() || !this.isMember()) await this.probe();
      if (this.isMember()) await this.renew();
      this.failing = false;
      if (state.hosts.get(name)?.suspected === true) this.tell({ kind: 'hostRecovered', host: name });
    } catch (error) {
      if (this.stopped) return;
      this.failing = true;
      this.weigh(error);
    }
  }

  /** Asks who is there; takes a host in that is not, or no longer, a member. */
  private async probe(): Promise<void> {
    const { name, clock } = this.options;
    const host = await this.agent.describeHost({}, { deadlineMs: this.patience.answerMs() });
    if (host.host !== name) throw new RpcFault('failedPrecondition', `at ${this.daemon.address} is host ${host.host}`);
    this.patience.answered(clock.monotonicMs());
    this.daemon.answered(host.bootId, clock.monotonicMs());
    if (this.isMember() || this.known === undefined) return;
    const { description, text } = this.known;
    this.described = text;
    const joined = await this.options.report({ kind: 'hostJoined', host: name, description });
    this.givenUp = false;
    if (joined) {
      this.refused = false;
      this.log.info({ address: this.daemon.address, slots: description.slots.length }, 'a host has joined');
    }
  }

  private async renew(): Promise<void> {
    const { name, state, clock, leaseTtlMs } = this.options;
    const leases = leasesOf(state, name);
    const mayBeDenied = leases.filter((lease) => this.acknowledged.has(lease));
    this.renewedMs = clock.monotonicMs();
    const deadlineMs = this.patience.grant(this.renewedMs);
    const attempts = leases.map(({ runId, attemptId, epoch }) => ({ runId, attemptId, epoch }));
    const guidance = addedGuidance(state, leases);
    const confirmed = this.receipts.next();
    const answer = await this.agent.renewLeases({ attempts, leaseTtlMs, guidance, confirmed }, { deadlineMs });
    if (answer.receiptsTaken) this.receipts.taken(confirmed);
    this.patience.answered(clock.monotonicMs());
    this.daemon.answered(answer.bootId, clock.monotonicMs());
    this.renewedBoot = answer.bootId;
    const denied = new Set(answer.unknown.map(leaseKey));
    const lost = mayBeDenied.filter((lease) => denied.has(leaseKey(lease)));
    for (const { runId, attemptId, epoch } of lost) {
      const message = `host ${name} does not know the attempt any more`;
      this.tell({ kind: 'attemptLost', runId, attemptId, epoch, host: name, message });
    }
    this.acknowledged.forgetEnded();
  }

  private noteRefusal(error: unknown, slotId: SlotId): void {
    const host = this.options.state.hosts.get(this.options.name);
    const description = host && describedByRefusal(host.description, error, slotId);
    if (description === undefined) return;
    this.described = ''; // So that its next heartbeat is told whatever it says.
    this.tell({ kind: 'hostChanged', host: this.options.name, description });
  }

  private weigh(error: unknown): void {
    const { name, state } = this.options;
    const host = state.hosts.get(name);
    // Without its stack, which says where we waited: a thousand hosts may fall silent in one moment.
    const reason = error instanceof Error ? error.message : String(error);
    if (host === undefined || host.lost) {
      if (!this.refused)
        this.log.warn({ reason, address: this.daemon.address }, 'a host is heard but cannot be reached');
      this.refused = true;
      return;
    }
    this.why = reason;
    if (host.suspected) return;
    this.log.warn({ reason }, 'a host does not answer');
    this.tell({ kind: 'hostSuspected', host: name, reason });
  }

  /** Milliseconds until the host is lost unless it answers. */
  private untilLostMs(): number {
    return this.patience.lostAtMs() - this.options.clock.monotonicMs();
  }

  private lose(): void {
    if (!this.isMember()) return;
    this.log.warn({ reason: this.why }, 'a host is lost');
    this.givenUp = true;
    this.tell({ kind: 'hostLost', host: this.options.name, reason: this.why });
  }

  private tell(event: Event): void {
    this.options.report(event).catch((error: unknown) => {
      if (!this.stopped) this.log.warn({ error, kind: event.kind }, 'an event of a host was not taken');
      // What was described before must be told again.
      this.described = '';
    });
  }
}
