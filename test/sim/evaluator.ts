// A simulated evaluator: the real rule of admission over a vault in memory. A score that is worked out anew is another
// number, so that whoever counts twice is found out.

import type { Verdict } from '../../coordinator/core/task.ts';
import type { Evaluator } from '../../coordinator/rpc/evaluator.ts';
import { admit } from '../../evaluator-node/core/admission.ts';
import { nextFloat } from '../../shared/core/rng.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { SimProcess } from './process.ts';
import type { Setting } from './setting.ts';

interface Newest {
  readonly epoch: number;
  /** Absent while all of its submissions were looks during the work. */
  readonly digest?: string;
}

/** Scores that an attempt of these worlds may ask for; each tries to get one more. */
export const scoreQueries = 2;

export interface EvaluatorSetting extends Pick<Setting, 'network' | 'rng' | 'fail'> {
  readonly evaluatorProcess: SimProcess | undefined;
}

export class SimEvaluator {
  /** Scores by candidate and digest, as the vault has them on disk. */
  readonly scores = new Map<string, number>();
  readonly verdicts = new Map<string, Verdict>();
  forgetful: boolean = false;
  private readonly newest = new Map<string, Newest>();
  /** Files that were scored for attempts at work, over all of their leases. */
  readonly looks = new Map<string, Set<string>>();
  private readonly world: EvaluatorSetting;

  constructor(world: EvaluatorSetting) {
    this.world = world;
  }

  /** The port as a coordinator process sees it. */
  port(caller: SimProcess): Evaluator {
    const from = { node: 'coordinator', process: caller } as const;
    const to = { node: 'evaluator', process: () => this.world.evaluatorProcess } as const;
    const call = <Answer>(work: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> =>
      this.world.network.call({ from, to, deadlineMs: 20_000, signal, work });
    return {
      evaluate: (submission, signal) =>
        call(async () => {
          const { attemptId, epoch, digest, exploratory = false } = submission;
          await this.pause(300);
          return { kind: 'score' as const, score: plainScore(this.evaluate(attemptId, epoch, digest, exploratory)) };
        }, signal),
      forkRun: (_runId, { candidates }) =>
        call(async () => {
          await this.pause(300);
          for (const { id, from } of candidates) this.inherit(id, from);
        }),
      sealRun: (runId, _task, finalists, signal) =>
        call(async () => {
          await this.pause(300);
          return this.seal(runId, finalists);
        }, signal),
      fetchFinalSubmission: () => unused(),
      listTasks: () => unused(),
      describeTask: () => unused(),
      fetchBundle: () => unused(),
      fetchRefitBundle: () => unused(),
      submitRefit: () => unused(),
      listLedger: () => unused(),
      close: () => undefined,
    };
  }

  private evaluate(attemptId: string, epoch: number, digest: string, exploratory: boolean): number {
    const key = `${attemptId} ${digest}`;
    const known = this.scores.get(key);
    const before = this.newest.get(attemptId);
    const facts = {
      runSealed: this.verdicts.has(attemptId.slice(0, attemptId.lastIndexOf('-'))),
      ...(before === undefined ? {} : { newestEpoch: before.epoch }),
      ...(before?.digest === undefined ? {} : { newestDigest: before.digest }),
    };
    const admission = admit({ version: 'v1', epoch, digest }, facts, known !== undefined);
    if (!admission.ok) throw new RpcFault('failedPrecondition', admission.error.message);
    const value = known === undefined || this.forgetful ? nextFloat(this.world.rng) : known;
    this.scores.set(key, value);
    if (exploratory) this.noteLook(attemptId, digest);
    this.newest.set(attemptId, exploratory ? { ...before, epoch } : { epoch, digest });
    return value;
  }

  private noteLook(attemptId: string, digest: string): void {
    const looks = (this.looks.get(attemptId) ?? new Set()).add(digest);
    this.looks.set(attemptId, looks);
    if (looks.size > scoreQueries) this.world.fail(`${attemptId} got ${looks.size} scores during its work`);
  }

  private inherit(attemptId: string, from: string): void {
    const origin = this.newest.get(from);
    const score = origin?.digest === undefined ? undefined : this.scores.get(`${from} ${origin.digest}`);
    if (origin?.digest === undefined || score === undefined) {
      throw new RpcFault('failedPrecondition', `${from} has no score in the vault`);
    }
    this.scores.set(`${attemptId} ${origin.digest}`, score);
    this.newest.set(attemptId, { epoch: 0, digest: origin.digest });
  }

  private seal(runId: string, finalists: readonly string[]): Verdict {
    const verdict = this.verdicts.get(runId) ?? { ...plainVerdict, runId, winnerId: finalists[0] ?? '' };
    this.verdicts.set(runId, verdict);
    return verdict;
  }

  /** Reading and scoring take time, in which the process may be killed. */
  private pause(ms: number): Promise<void> {
    const process = this.world.evaluatorProcess;
    return new Promise((resolve) => process?.clock.after(ms * nextFloat(this.world.rng), resolve));
  }
}

function unused(): never {
  throw new Error('not simulated');
}

function plainScore(value: number) {
  return { value, standardError: 0.01, feedback: value.toFixed(2), quarantined: false, quarantineReason: '' };
}

const plainVerdict: Omit<Verdict, 'runId' | 'winnerId'> = {
  finalists: [],
  intervalLow: 0,
  intervalHigh: 1,
  baselineValidationScore: 0,
  baselineSearchScore: 0,
  baselineName: '',
  ledgerHead: '',
  metric: 'log-loss',
  lowerIsBetter: true,
  validationRows: 1,
  hasFinalSubmission: false,
};
