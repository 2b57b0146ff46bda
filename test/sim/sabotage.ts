// Deliberate bugs. A simulation that does not find each of them within a few seeds proves nothing.

import type { Fleet } from '../../coordinator/fleet/fleet.ts';
import type { ScoreDesk, ScoreDeskOptions } from '../../coordinator/runs/score-desk.ts';
import type { SearchActor } from '../../coordinator/runs/search-actor.ts';
import type { Book } from '../../llm-gateway/book.ts';
import type { ResultEvent } from '../../shared/bus/messages.ts';
import { attemptId } from '../../shared/core/ids.ts';
import type { Database } from '../../shared/store/sqlite.ts';

export type SabotageKind =
  /** The coordinator takes reports of any epoch from any host. */
  | 'noFencing'
  /** The coordinator sends receipts before its journal has the report. */
  | 'earlyReceipts'
  /** Agents do not stop their work when nobody renews their leases. */
  | 'noSelfFencing'
  /** Agents give a slot to others as soon as its holder has failed. */
  | 'earlyRelease'
  /** The evaluator scores again what it had scored. */
  | 'forgetfulEvaluator'
  /** The evaluator seals again what it had sealed. */
  | 'secondSeals'
  /** The gateway reserves nothing for a turn under way. */
  | 'noReservations'
  /** The gateway starts without what the turns cost that its end cut off. */
  | 'forgottenTurns'
  /** The gateway's disk says that it has synced and has not. */
  | 'lyingGatewayDisk'
  /** The coordinator asks for scores during the work without counting them. */
  | 'freeScores'
  /** The coordinator's disk says that it has synced and has not. */
  | 'lyingDisk';

export const sabotageKinds: readonly SabotageKind[] = [
  'noFencing',
  'earlyReceipts',
  'noSelfFencing',
  'earlyRelease',
  'forgetfulEvaluator',
  'secondSeals',
  'noReservations',
  'forgottenTurns',
  'lyingGatewayDisk',
  'freeScores',
  'lyingDisk',
];

export class Sabotage {
  readonly kind: SabotageKind | undefined;

  constructor(kind: SabotageKind | undefined) {
    this.kind = kind;
  }

  get losesSyncedWrites(): boolean {
    return this.kind === 'lyingDisk';
  }

  /** The actor that the fleet posts to. */
  actorOf(actor: SearchActor): SearchActor {
    if (this.kind !== 'earlyReceipts') return actor;
    return {
      ...actor,
      state: actor.state,
      post(event) {
        actor.post(event).catch(() => undefined);
        return Promise.resolve(true);
      },
    };
  }

  /** The database of a gateway that starts. */
  beforeStart(database: Database): Database {
    if (this.kind !== 'forgottenTurns') return database;
    database.run("UPDATE calls SET dollars = 0, output_tokens = 0 WHERE state = 'open'");
    return database;
  }

  /** What a gateway writes down of a turn before it asks. */
  bookOf(book: Book): Book {
    if (this.kind !== 'noReservations') return book;
    const nothing = { dollars: 0, outputTokens: 0, capped: false };
    return { ...book, begin: (account, call, at) => book.begin(account, { ...call, reservation: nothing }, at) };
  }

  /** What the coordinator does with a report. */
  async take(result: ResultEvent, fleet: Fleet, actor: SearchActor): Promise<void> {
    if (this.kind !== 'noFencing') return await fleet.take(result);
    const attempt = actor.state.attempts.get(attemptId(result.attemptId));
    return await fleet.take({ ...result, epoch: attempt?.epoch ?? result.epoch, host: attempt?.host ?? result.host });
  }

  /** Who answers an attempt that asks for a score. */
  deskOf(desk: ScoreDesk, { evaluator, artifacts, actor }: ScoreDeskOptions): ScoreDesk {
    if (this.kind !== 'freeScores') return desk;
    return {
      async ask({ runId, attemptId: id, epoch, submission: digest }) {
        const task = actor.state.runs.get(runId)?.task;
        const sizeBytes = (await artifacts.size(digest)) ?? 0;
        const about = { runId, attemptId: id, epoch, parentIds: [], task: task?.name ?? '', digest, sizeBytes };
        await evaluator.evaluate({ ...about, bytes: artifacts.stream(digest, sizeBytes), exploratory: true });
        return { answer: { feedback: '' }, left: 1 };
      },
    };
  }

  /** What an agent makes of a request. */
  request(method: string, request: object): object {
    if (this.kind !== 'noSelfFencing' || !('leaseTtlMs' in request)) return request;
    return method === 'startAttempt' || method === 'renewLeases' ? { ...request, leaseTtlMs: 1e9 } : request;
  }
}
