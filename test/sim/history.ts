// The judge. It reads the journal's events as they get onto the disk and knows nothing of the coordinator's core: what it
// counts, it counts by itself.
//
// 1. Epochs only grow. 2. A report is taken only from the newest lease, once, and with the products of that epoch.
// 3. A candidate is scored once, with the number in the evaluator's vault. 4. A slot never has more leases than lanes.
// 5. A fork begins with scored candidates of its origin and their numbers. 6. Nothing of a killed run is taken any more.
// 7. Nothing is leased to a slot that the journal calls unusable. 8. Only what is broken is refused. 9. A run is won by whom the evaluator's verdict names.

import type { StampedEvent } from '../../coordinator/core/event.ts';
import type { ResultEvent } from '../../shared/bus/messages.ts';
import type { FailureReason } from '../../shared/core/vocabulary.ts';
import { isBroken, submissionOf } from './products.ts';

type Phase = 'planned' | 'leased' | 'evaluating' | 'done';

interface Known {
  readonly runId: string;
  /** The name of what it hands in (products.ts). */
  readonly handsIn: 'submission' | 'refit';
  phase: Phase;
  epoch: number;
  lane: string;
  host: string;
  score: number | undefined;
  submission: string | undefined;
  /** What the journal says that models cost, and how much of that only its hosts said. */
  dollars: number;
  believed: number;
  /** The gateway told the cost when its last execution ended. */
  isSettled: boolean;
}

const fresh: Omit<Known, 'runId'> = {
  handsIn: 'submission',
  phase: 'planned',
  epoch: 0,
  lane: '',
  host: '',
  score: undefined,
  submission: undefined,
  dollars: 0,
  believed: 0,
  isSettled: false,
};

/** An attempt that ended by one of them waits for another lease. */
const hostFailures: ReadonlySet<FailureReason> = new Set(['infrastructure', 'leaseLost', 'cancelled']);

/** More than the lanes of any host here, whose starts may all be on their way when it fails. */
const mostRefusals = 5;

export interface HistoryOptions {
  /** Lanes of a slot of this host. */
  readonly capacityOf: (host: string) => number;
  /** The score in the evaluator's vault. */
  readonly vaultScore: (runId: string, attemptId: string, submission: string) => number | undefined;
  /** The winner by the evaluator's verdict; undefined where the run is not sealed there. */
  readonly vaultWinner: (runId: string) => string | undefined;
  readonly fail: (problem: string) => void;
  /** Told of each lease when it is on disk. */
  readonly onLease: (attemptId: string, epoch: number, host: string) => void;
}

export class History {
  readonly attempts = new Map<string, Known>();
  events = 0;
  leases = 0;
  lost = 0;
  forks = 0;
  kills = 0;
  refits = 0;
  /** Every run, and whether it goes on. */
  private readonly runs = new Map<string, 'open' | 'ended'>();
  /** Reports of an older epoch that reached a coordinator; none of them may be taken. */
  staleReports = 0;
  private epoch = 0;
  private sequence = 0;
  private readonly dollars = new Map<string, number>();
  private readonly refusals = new Map<string, number>();
  private readonly health = new Map<string, string>();
  private readonly lanes = new Map<string, number>();
  private readonly options: HistoryOptions;

  constructor(options: HistoryOptions) {
    this.options = options;
  }

  observe(events: readonly StampedEvent[]): void {
    for (const event of events) {
      this.events += 1;
      if (event.sequence !== this.sequence + 1) this.options.fail(`event ${event.sequence} follows ${this.sequence}`);
      this.sequence = event.sequence;
      this.take(event);
    }
  }

  /** Whether the run is in the journal. */
  has(runId: string): boolean {
    return this.runs.has(runId);
  }

  /** Every run that was created. */
  get runIds(): readonly string[] {
    return [...this.runs.keys()];
  }

  /** Dollars that the run may cost; 0 for any. */
  dollarsOf(runId: string): number {
    return this.dollars.get(runId) ?? 0;
  }

  /** Runs that were neither sealed nor killed. */
  get open(): number {
    return [...this.runs.values()].filter((stage) => stage === 'open').length;
  }

  /** The scored candidates. */
  scored(): Map<string, Known> {
    return new Map([...this.attempts].filter(([, known]) => known.score !== undefined));
  }

  /** A report reaches the coordinator: from now on it may be confirmed. */
  heard(result: ResultEvent): void {
    const known = this.attempts.get(result.attemptId);
    if (known !== undefined && result.epoch < known.epoch) this.staleReports += 1;
  }

  /** A receipt reaches the host: the journal must hold the report, unless the report was void. */
  receipt(result: ResultEvent): void {
    const known = this.attempts.get(result.attemptId);
    if (result.kind !== 'attemptEnded' || known === undefined) return;
    if (known.epoch === result.epoch && known.host === result.host && known.phase === 'leased') {
      this.options.fail(`the end of ${result.attemptId} was confirmed and is not in the journal`);
    }
  }

  private take(event: StampedEvent): void {
    switch (event.kind) {
      case 'runCreated':
        this.create(event);
        return;
      case 'runExtended':
        this.dollars.set(event.runId, event.budgets.dollars);
        return;
      case 'runKilled':
        this.kill(event);
        return;
      case 'attemptPlanned':
        if (this.attempts.has(event.attemptId)) this.options.fail(`${event.attemptId} was planned twice`);
        this.attempts.set(event.attemptId, {
          ...fresh,
          runId: event.runId,
          handsIn: event.operator === 'refit' ? 'refit' : 'submission',
        });
        return;
      case 'hostJoined':
      case 'hostChanged':
        for (const { slotId, health } of event.description.slots) this.health.set(`${event.host}/${slotId}`, health);
        this.refusals.delete(event.host);
        return;
      case 'attemptLeased':
        this.lease(event);
        return;
      case 'attemptStarted':
        this.expect(event, 'leased', () => undefined);
        return;
      case 'attemptLost':
        this.lost += 1;
        if (event.drained === true) this.refuseStart(event);
        this.expect(event, 'leased', (known) => this.free(known, 'planned'));
        return;
      case 'attemptEnded':
        this.end(event);
        return;
      case 'candidateScored':
        this.score(event);
        return;
      case 'candidateRefused':
        this.refuse(event);
        return;
      case 'candidateRefitted':
        this.expect(event, 'evaluating', (known) => {
          known.phase = 'done';
          this.refits += 1;
        });
        return;
      case 'runSealed':
        this.seal(event);
        return;
      default:
    }
  }

  private create({ runId, fork, options }: Extract<StampedEvent, { kind: 'runCreated' }>): void {
    this.runs.set(runId, 'open');
    this.dollars.set(runId, options.dollars);
    if (fork === undefined) return;
    this.forks += 1;
    for (const { id, from, score, artifacts } of fork.candidates) {
      const { submission } = artifacts;
      const origin = this.attempts.get(from);
      if (origin?.runId !== fork.from || origin.score !== score.value) {
        this.options.fail(`${id} begins with another score than ${from} has`);
      }
      if (this.options.vaultScore(runId, id, submission ?? '') !== score.value) {
        this.options.fail(`${id} has another score than the vault`);
      }
      this.attempts.set(id, { ...fresh, runId, phase: 'done', score: score.value, submission });
    }
  }

  private kill({ runId, seal }: Extract<StampedEvent, { kind: 'runKilled' }>): void {
    this.kills += 1;
    this.runs.set(runId, seal ? 'open' : 'ended');
    for (const known of this.attempts.values()) {
      if (known.runId !== runId) continue;
      if (known.phase === 'leased') this.free(known, 'done');
      else known.phase = 'done';
    }
  }

  private score(event: Extract<StampedEvent, { kind: 'candidateScored' }>): void {
    this.expect(event, 'evaluating', (known) => {
      known.phase = 'done';
      known.score = event.score.value;
      const inVault = this.options.vaultScore(known.runId, event.attemptId, known.submission ?? '');
      if (inVault !== known.score) this.options.fail(`${event.attemptId} has another score than the vault`);
    });
  }

  /** What a refusal says of a host is known from then on, so few are met before it is described anew. */
  private refuseStart({ host, message }: Extract<StampedEvent, { kind: 'attemptLost' }>): void {
    if (!message.startsWith('it could not be started')) return;
    const refusals = (this.refusals.get(host) ?? 0) + 1;
    this.refusals.set(host, refusals);
    if (refusals > mostRefusals)
      this.options.fail(`${host} refused ${refusals} starts in a row for what was known of it`);
  }

  private refuse(event: Extract<StampedEvent, { kind: 'candidateRefused' }>): void {
    this.expect(event, 'evaluating', (known) => {
      known.phase = 'done';
      const isBad = event.failureReason === 'badSubmission' && isBroken(known.handsIn, event.attemptId, event.epoch);
      if (!isBad) this.options.fail(`the submission of ${event.attemptId} was refused: ${event.message}`);
    });
  }

  private seal({ runId, verdict }: Extract<StampedEvent, { kind: 'runSealed' }>): void {
    this.runs.set(runId, 'ended');
    const winner = this.options.vaultWinner(runId);
    if (verdict.winnerId !== winner)
      this.options.fail(`${runId} is won by ${verdict.winnerId}, in the vault by ${winner}`);
  }

  private lease(event: Extract<StampedEvent, { kind: 'attemptLeased' }>): void {
    const { attemptId, epoch, host, slotId } = event;
    const known = this.attempts.get(attemptId);
    if (known?.phase !== 'planned') {
      this.options.fail(`${attemptId} was leased and did not wait for it`);
      return;
    }
    if (epoch <= this.epoch) this.options.fail(`epoch ${epoch} of ${attemptId} is not larger than ${this.epoch}`);
    this.epoch = epoch;
    this.leases += 1;
    const lane = `${host}/${slotId}`;
    if (this.health.get(lane) === 'unusable') this.options.fail(`slot ${lane} is unusable and gets ${attemptId}`);
    const load = (this.lanes.get(lane) ?? 0) + 1;
    this.lanes.set(lane, load);
    if (load > this.options.capacityOf(host)) this.options.fail(`slot ${lane} carries ${load} leases`);
    Object.assign(known, { phase: 'leased', epoch, lane, host, isSettled: false });
    this.options.onLease(attemptId, epoch, host);
  }

  private end(event: Extract<StampedEvent, { kind: 'attemptEnded' }>): void {
    this.expect(event, 'leased', (known) => {
      const { submission } = event.artifacts;
      if (submission !== undefined && submission !== submissionOf(known.handsIn, event.attemptId, event.epoch).digest) {
        this.options.fail(`a stale result of ${event.attemptId} was accepted`);
      }
      known.submission = submission;
      known.dollars += event.usage.dollars;
      known.isSettled = event.accountClosed === true;
      if (!known.isSettled) known.believed += event.usage.dollars;
      const { failureReason } = event;
      if (failureReason !== undefined) this.free(known, hostFailures.has(failureReason) ? 'planned' : 'done');
      else this.free(known, submission === undefined ? 'done' : 'evaluating');
    });
  }

  private free(known: Known, phase: Phase): void {
    this.lanes.set(known.lane, (this.lanes.get(known.lane) ?? 0) - 1);
    known.phase = phase;
  }

  private expect(
    event: { readonly kind: string; readonly attemptId: string; readonly epoch: number; readonly host?: string },
    phase: Phase,
    act: (known: Known) => void,
  ): void {
    const known = this.attempts.get(event.attemptId);
    const isCurrent = known?.epoch === event.epoch && (event.host === undefined || event.host === known.host);
    if (known === undefined || !isCurrent || known.phase !== phase) {
      const found = known === undefined ? 'unknown' : `${known.phase} under epoch ${known.epoch}`;
      this.options.fail(`${event.kind} of ${event.attemptId}, epoch ${event.epoch}, was taken: it is ${found}`);
      return;
    }
    act(known);
  }
}
