// A simulated evaluator: the real service, admission, scoring, forks and seals over a real vault in memory, with its ledger. Instead
// of scoring threads and the judge's process there are pauses, in which it may be killed.

import { evaluatorOver as portOver } from '../../coordinator/rpc/evaluator.ts';
import { evaluatorOver } from '../../evaluator-node/evaluator.ts';
import type { Grader } from '../../evaluator-node/grader/grader.ts';
import { openLedger } from '../../evaluator-node/ledger/ledger.ts';
import { type Evaluator, evaluatorHandlers } from '../../evaluator-node/rpc/evaluator-service.ts';
import { createJudge, type Judge } from '../../evaluator-node/vault/judge.ts';
import { createReading } from '../../evaluator-node/vault/reading.ts';
import { openRuns } from '../../evaluator-node/vault/runs.ts';
import type { Scorer } from '../../evaluator-node/vault/scorer.ts';
import { createTaskLoader } from '../../evaluator-node/vault/scoring.ts';
import { openVault, type Vault } from '../../evaluator-node/vault/vault.ts';
import { nextFloat } from '../../shared/core/rng.ts';
import { findBrokenRecord } from '../../shared/store/hash-chain.ts';
import { ofLiving } from './database-disk.ts';
import { scoreQueries, simTasks } from './evaluator-task.ts';
import { SimProcess } from './process.ts';
import { type Handle, handledBy, simClient } from './rpc.ts';
import type { Sabotage } from './sabotage.ts';
import type { Setting } from './setting.ts';

const longestPauseMs = 300;

export interface EvaluatorSetting extends Pick<Setting, 'timeline' | 'network' | 'rng' | 'fail'> {
  /** Where keys and bundles lie, which are the same in every world. */
  readonly evaluatorDirectory: string;
  readonly sabotage: Sabotage;
}

export class SimEvaluator {
  process: SimProcess | undefined;
  /** Files that were scored for attempts at work, over all of their leases. */
  readonly looks = new Map<string, Set<string>>();
  private readonly told = new Map<string, number>();
  private readonly vault: Vault;
  private readonly world: EvaluatorSetting;
  private handle: Handle | undefined;

  constructor(world: EvaluatorSetting) {
    this.world = world;
    this.vault = openVault(world.evaluatorDirectory, { book: ':memory:' });
    for (const task of Object.values(simTasks)) this.vault.addVersion(task);
  }

  start(): void {
    if (this.process !== undefined) return;
    const process = new SimProcess(this.world.timeline);
    this.process = process;
    const identity = { role: 'coordinator', name: 'coordinator' } as const;
    this.handle = handledBy(evaluatorHandlers(this.watched(this.evaluatorOf(process))), identity);
  }

  /** kill -9; what was committed stays. */
  kill(): void {
    this.process?.kill();
    this.process = undefined;
    this.handle = undefined;
  }

  /** The port as a coordinator process sees it. */
  port(caller: SimProcess): ReturnType<typeof portOver> {
    const handle: Handle = (method, request) =>
      this.handle?.(method, request) ?? Promise.reject(new Error('not there'));
    return portOver(
      simClient({
        service: 'doubleblind.evaluator.v1.EvaluatorService',
        from: { node: 'coordinator', process: caller },
        to: { node: 'evaluator', process: () => this.process },
        network: this.world.network,
        handle,
      }),
    );
  }

  /** What the vault has for this file of a candidate. */
  score(runId: string, candidateId: string, digest: string): number | undefined {
    const outcome = this.vault.runs.recordedOutcome(runId, candidateId, digest)?.outcome;
    return outcome?.kind === 'score' ? outcome.value : undefined;
  }

  /** The winner by the vault's verdict; undefined where the run is not sealed. */
  winner(runId: string): string | undefined {
    const verdict = this.vault.runs.find(runId)?.verdict;
    return verdict === undefined ? undefined : (JSON.parse(verdict) as { winnerId: string }).winnerId;
  }

  /** Told at the end: the ledger is one whole chain, in which each run is sealed at most once and nothing of it is scored afterwards. */
  checkLedger(): void {
    const { database } = this.vault;
    const ledger = openLedger(database, this.world.evaluatorDirectory);
    const records = ledger.list('', 0, 1e6);
    const problem = findBrokenRecord(records, ledger.publicKeyPem);
    if (problem !== undefined) this.world.fail(`the ledger: ${problem}`);
    const sealed = new Set<string>();
    for (const { body } of records) {
      const { type, runId, cached } = JSON.parse(body) as { type: string; runId: string; cached?: boolean };
      if (type === 'runSealed' && sealed.has(runId)) this.world.fail(`${runId} was sealed twice`);
      if (type === 'evaluated' && cached !== true && sealed.has(runId))
        this.world.fail(`${runId} was scored after its seal`);
      if (type === 'runSealed') sealed.add(runId);
    }
  }

  close(): void {
    this.vault.close();
  }

  private evaluatorOf(process: SimProcess): Evaluator {
    const database = ofLiving(process, this.vault.database);
    const vault: Vault = { ...this.vault, database, runs: openRuns(database) };
    const load = createTaskLoader(vault);
    return evaluatorOver({
      ...{ vault, clock: process.clock, load, replyTickMs: 0, grader: noGrader },
      ledger: openLedger(database, this.world.evaluatorDirectory),
      scorer: this.scorer(process, load),
      judge: this.judge(process, vault),
    });
  }

  private scorer(process: SimProcess, load: ReturnType<typeof createTaskLoader>): Scorer {
    return {
      score: async (version, announced, chunks) => {
        const task = this.vault.taskOfVersion(version);
        if (task === undefined) throw new Error(`the vault has no task version ${version}`);
        const reading = createReading(load(task), announced);
        for await (const chunk of chunks) {
          await this.pause(process);
          reading.push(chunk);
        }
        await this.pause(process);
        const read = reading.finish();
        if (this.world.sabotage.kind !== 'forgetfulEvaluator' || read.kind !== 'read' || read.scores?.ok !== true)
          return read;
        const { search } = read.scores.value;
        const value = search.value + nextFloat(this.world.rng);
        return { ...read, scores: { ok: true, value: { ...read.scores.value, search: { ...search, value } } } };
      },
      close: () => Promise.resolve(),
    };
  }

  private judge(process: SimProcess, vault: Vault): Judge {
    const pause = (): Promise<void> => this.pause(process);
    const judge = createJudge({ vault, grader: noGrader, buildRefitBundle: () => Promise.reject(notSimulated()) });
    return {
      ...judge,
      async choose(...asked) {
        await pause();
        const choice = await judge.choose(...asked);
        await pause();
        return choice;
      },
      async refitBundle(version) {
        await pause();
        return Buffer.from(`all rows of ${version}`);
      },
    };
  }

  /** Counts looks, and forgets what a saboteur wants forgotten. */
  private watched(evaluator: Evaluator): Evaluator {
    const { database } = this.vault;
    const { kind } = this.world.sabotage;
    return {
      ...evaluator,
      evaluate: async (submission, chunks) => {
        const { candidateId, digest, exploratory = false } = submission;
        if (kind === 'forgetfulEvaluator') {
          const known = 'SELECT prediction_digest FROM evaluations WHERE candidate_id = ?';
          database.run(`DELETE FROM predictions WHERE digest IN (${known})`, candidateId);
          database.run('DELETE FROM evaluations WHERE candidate_id = ?', candidateId);
        }
        const answer = await evaluator.evaluate(submission, chunks);
        if (answer.outcome.kind === 'score') this.noteScore(`${candidateId} ${digest}`, answer.outcome.value);
        if (exploratory && answer.outcome.kind === 'score') this.noteLook(candidateId, digest);
        return answer;
      },
      seal: (request) => {
        if (kind === 'secondSeals') database.run('UPDATE runs SET verdict = NULL WHERE run_id = ?', request.runId);
        return evaluator.seal(request);
      },
    };
  }

  /** The same file of a candidate has the same score, for ever. */
  private noteScore(key: string, value: number): void {
    const told = this.told.get(key) ?? value;
    this.told.set(key, told);
    if (told !== value) this.world.fail(`${key.split(' ')[0]} has another score than the vault gave before`);
  }

  private noteLook(attemptId: string, digest: string): void {
    const looks = (this.looks.get(attemptId) ?? new Set()).add(digest);
    this.looks.set(attemptId, looks);
    if (looks.size > scoreQueries) this.world.fail(`${attemptId} got ${looks.size} scores during its work`);
  }

  private pause(process: SimProcess): Promise<void> {
    return new Promise((resolve) => process.clock.after(longestPauseMs * nextFloat(this.world.rng), resolve));
  }
}

function notSimulated(): Error {
  return new Error('not simulated');
}

const noGrader: Grader = {
  grade: () => Promise.reject(notSimulated()),
  sweep: () => Promise.resolve(0),
  check: () => Promise.resolve(),
};
