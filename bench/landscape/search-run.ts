// A whole run of the coordinator's own core over the landscape, in virtual time: what it plans, leases, ranks and repairs is the
// product's, what attempts come to is made up.

import { admits } from '../../coordinator/core/admission.ts';
import type { Command } from '../../coordinator/core/command.ts';
import { decide } from '../../coordinator/core/decide.ts';
import type { Event } from '../../coordinator/core/event.ts';
import { description, limits, task } from '../../coordinator/core/machine.test-support.ts';
import { defaultOptions } from '../../coordinator/core/options.ts';
import { itemsOf } from '../../coordinator/core/ordered-list.ts';
import { top } from '../../coordinator/core/population.ts';
import { newState, type State } from '../../coordinator/core/state.ts';
import { step } from '../../coordinator/core/step.ts';
import { type AttemptId, digest, hostName, runId } from '../../shared/core/ids.ts';
import { type Rng, seedRng } from '../../shared/core/rng.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import { Timeline } from '../../test/sim/timeline.ts';
import type { Calibration } from './calibration.ts';
import { type Assumptions, makeProgram, type Program, scoreOf } from './landscape.ts';

/** Who says what a candidate is worth: the evaluator, on labels that nobody sees; or the candidate's own program. */
export type Scoring = 'hidden' | 'own';

export interface RunSetting {
  readonly slots: number;
  readonly hours: number;
  readonly scoring: Scoring;
  readonly seed: string;
}

export interface RunOutcome {
  readonly attempts: number;
  readonly scored: number;
  /** True worth of the best candidate there was, and of the one that is handed in. */
  readonly best: number;
  readonly handedIn: number;
  /** What is said of the one that is handed in, less its true worth. */
  readonly gap: number;
  /** Of the real processor, for each attempt. */
  readonly processorMicroseconds: number;
}

const id = runId('ablation-aaaaaa');
const slotsPerHost = 8;
/** From the end of an attempt to its score. */
const scoringMs = 2000;

class SearchRun {
  readonly state: State = newState();
  readonly programs = new Map<AttemptId, Program>();
  readonly #timeline = new Timeline();
  readonly #rng: Rng;
  readonly #setting: RunSetting;
  readonly #known: Calibration;
  readonly #assumed: Assumptions;
  #sequence = 0;

  constructor(setting: RunSetting, known: Calibration, assumed: Assumptions) {
    this.#setting = setting;
    this.#known = known;
    this.#assumed = assumed;
    this.#rng = seedRng(`ablation ${setting.seed}`);
  }

  play(): void {
    const { slots, hours } = this.#setting;
    const options = { ...defaultOptions, limits, wallSeconds: 10 * hours * 3600, seed: 1 };
    for (let left = slots, host = 1; left > 0; left -= slotsPerHost, host += 1) {
      const own = description(Math.min(left, slotsPerHost));
      this.#take({ kind: 'hostJoined', host: hostName(`host-${host}`), description: own });
    }
    this.#take({
      kind: 'runCreated',
      runId: id,
      requestId: 'ablation',
      task: { ...task, lowerIsBetter: false },
      options,
    });
    while (this.#timeline.nowMs < hours * 3_600_000 && this.#timeline.advance());
  }

  #take(event: Event): void {
    if (!admits(this.state, event)) throw new Error(`the core does not admit ${event.kind}`);
    const commands: Command[] = [];
    const apply = (next: Event): void => {
      this.#sequence += 1;
      const clockMs = Math.round(this.#timeline.nowMs);
      commands.push(...step(this.state, { ...next, sequence: this.#sequence, at: clockMs, clockMs }));
    };
    apply(event);
    for (let next = decide(this.state); next !== undefined; next = decide(this.state)) apply(next);
    for (const command of commands) this.#obey(command);
  }

  #obey(command: Command): void {
    if (command.kind === 'startAttempt') this.#start(command);
    if (command.kind === 'evaluate') this.#timeline.after(scoringMs, () => this.#score(command));
  }

  #start({ attemptId, epoch, host }: Extract<Command, { kind: 'startAttempt' }>): void {
    const attempt = this.state.attempts.get(attemptId);
    if (attempt === undefined) throw new Error(`no attempt ${attemptId}`);
    const parents = attempt.parents.flatMap((parent) => this.programs.get(parent) ?? []);
    const [broken] = parents;
    // A repair is the program that failed, mended.
    const mended = attempt.operator === 'repair' && broken !== undefined;
    const made = makeProgram(this.#rng, this.#known, this.#assumed, mended ? [] : parents);
    const program = mended ? { ...made, worth: broken.worth, flattery: broken.flattery } : made;
    this.programs.set(attemptId, program);
    const submission = digest(attempt.number.toString(16).padStart(64, '0'));
    const usage = { ...noUsage, wallSeconds: program.seconds, slotSeconds: program.seconds };
    const failure = program.fails ? { failureReason: 'crash' as const, failureMessage: '' } : {};
    this.#timeline.after(program.seconds * 1000, () =>
      this.#take({
        ...{ kind: 'attemptEnded', runId: id, attemptId, epoch, host, usage, runSeconds: program.seconds, note: '' },
        ...failure,
        artifacts: program.fails ? {} : { submission },
      }),
    );
  }

  #score({ attemptId, epoch }: Extract<Command, { kind: 'evaluate' }>): void {
    const program = this.programs.get(attemptId);
    if (program === undefined) throw new Error(`no program ${attemptId}`);
    const flattery = this.#setting.scoring === 'own' ? program.flattery : 0;
    const value = scoreOf(this.#rng, this.#known, program) + flattery;
    const score = { value, standardError: this.#known.noise, feedback: '', quarantined: false, quarantineReason: '' };
    this.#take({ kind: 'candidateScored', runId: id, attemptId, epoch, score });
  }

  outcome(processorSeconds: number): RunOutcome {
    const run = this.state.runs.get(id);
    if (run === undefined) throw new Error('no run');
    const { attempts, population } = run;
    const worthOf = (candidate: AttemptId): number => this.programs.get(candidate)?.worth ?? Number.NaN;
    const chosen = this.#choose(top(population, defaultOptions.finalists));
    return {
      attempts: attempts.length,
      scored: population.ranked.length,
      best: itemsOf(population.ranked).reduce(
        (most, { id: candidate }) => Math.max(most, worthOf(candidate)),
        -Infinity,
      ),
      handedIn: worthOf(chosen.id),
      gap: chosen.said - worthOf(chosen.id),
      processorMicroseconds: (1e6 * processorSeconds) / attempts.length,
    };
  }

  /** With hidden evaluation the finalists are ranked again by labels that no search has seen; else the best word is taken. */
  #choose(finalists: readonly { readonly id: AttemptId; readonly value: number }[]): { id: AttemptId; said: number } {
    const said = finalists.map(({ id: candidate, value }) => {
      const program = this.programs.get(candidate);
      if (program === undefined) throw new Error(`no program ${candidate}`);
      return {
        id: candidate,
        said: this.#setting.scoring === 'hidden' ? scoreOf(this.#rng, this.#known, program) : value,
      };
    });
    const [first, ...others] = said;
    if (first === undefined) throw new Error('no candidate was scored');
    return others.reduce((best, one) => (one.said > best.said ? one : best), first);
  }
}

/** Plays a run. */
export function playRun(setting: RunSetting, known: Calibration, assumed: Assumptions): RunOutcome {
  const before = process.cpuUsage();
  const run = new SearchRun(setting, known, assumed);
  run.play();
  const { user, system } = process.cpuUsage(before);
  return run.outcome((user + system) / 1e6);
}
