// Deliberate bugs. A simulation that does not find each of them within a few seeds proves nothing.

import type { Fleet } from '../../coordinator/fleet/fleet.ts';
import type { Evaluator } from '../../coordinator/rpc/evaluator.ts';
import type { ScoreDesk } from '../../coordinator/runs/score-desk.ts';
import type { SearchActor } from '../../coordinator/runs/search-actor.ts';
import type { ResultEvent } from '../../shared/bus/messages.ts';
import { attemptId } from '../../shared/core/ids.ts';

export type SabotageKind =
  /** The coordinator takes reports of any epoch from any host. */
  | 'noFencing'
  /** The coordinator sends receipts before its journal has the report. */
  | 'earlyReceipts'
  /** Agents do not stop their work when nobody renews their leases. */
  | 'noSelfFencing'
  /** The evaluator scores again what it had scored. */
  | 'forgetfulEvaluator'
  /** The coordinator asks for scores during the work without counting them. */
  | 'freeScores'
  /** The coordinator's disk says that it has synced and has not. */
  | 'lyingDisk';

export const sabotageKinds: readonly SabotageKind[] = [
  'noFencing',
  'earlyReceipts',
  'noSelfFencing',
  'forgetfulEvaluator',
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

  /** What the coordinator does with a report. */
  async take(result: ResultEvent, fleet: Fleet, actor: SearchActor): Promise<void> {
    if (this.kind !== 'noFencing') return await fleet.take(result);
    const attempt = actor.state.attempts.get(attemptId(result.attemptId));
    return await fleet.take({ ...result, epoch: attempt?.epoch ?? result.epoch, host: attempt?.host ?? result.host });
  }

  /** Who answers an attempt that asks for a score. */
  deskOf(desk: ScoreDesk, evaluator: Evaluator): ScoreDesk {
    if (this.kind !== 'freeScores') return desk;
    return {
      async ask({ runId, attemptId: id, epoch, submission: digest }) {
        const bytes = [] as unknown as AsyncIterable<Uint8Array>;
        const about = { runId, attemptId: id, epoch, parentIds: [], task: '', digest, sizeBytes: 1, bytes };
        await evaluator.evaluate({ ...about, exploratory: true });
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
