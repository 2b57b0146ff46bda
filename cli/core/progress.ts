// A run as it goes on: events folded into what is known, and what of it is worth a line.

import { beats, hasEnded, idea, isScored, label, ranking, type Scored } from './history.ts';
import { failureDetail, failureWords } from './lineage.ts';
import type { Candidate, Run, RunEvent } from './model.ts';
import { duration, plural, score, scoreWithError } from './quantity.ts';
import { oneLine, shorten } from './text.ts';

/**
 * What is known of a run; `fold` takes it further. One thing that changes, not a new one for each event, and with the answers that a
 * line needs at hand: following a run is following all of its past, so an event must cost the same after ten thousand others.
 */
export interface Progress {
  run: Run | undefined;
  readonly candidates: Map<string, Candidate>;
  /** Those that have not ended. */
  readonly open: Map<string, Candidate>;
  /** The best by search score. */
  leader: Scored | undefined;
  /** The best score after each of the latest scored ends, oldest first. */
  readonly curve: number[];
  lastSequence: number;
}

/** Bars of the sparkline. */
const longestCurve = 30;

/** A run before its first event; `inherited` is what a fork began with. */
export function newProgress(run?: Run, inherited: readonly Candidate[] = []): Progress {
  const progress: Progress = {
    run,
    candidates: new Map(),
    open: new Map(),
    leader: undefined,
    curve: [],
    lastSequence: 0,
  };
  const byTime = [...inherited].sort((left, right) => (left.endedAt ?? '').localeCompare(right.endedAt ?? ''));
  for (const candidate of byTime) take(progress, candidate);
  return progress;
}

/** Something that happened and that a person wants to read once. */
export type Happening =
  | { readonly kind: 'started'; readonly candidate: Candidate }
  | { readonly kind: 'ended'; readonly candidate: Candidate; readonly isBest: boolean }
  | { readonly kind: 'state'; readonly run: Run };

/** Folds an event and tells what is worth a line; a repeated or older one changes nothing. */
export function fold(progress: Progress, event: RunEvent): readonly Happening[] {
  if (event.sequence !== 0 && event.sequence <= progress.lastSequence) return [];
  const happenings: Happening[] = [];
  const { candidate } = event;
  const stateBefore = progress.run?.state;
  progress.run = event.run ?? progress.run;
  if (candidate !== null) {
    const before = progress.candidates.get(candidate.candidateId);
    const { leader } = progress;
    take(progress, candidate);
    if (candidate.state === 'running' && before?.state !== 'running') happenings.push({ kind: 'started', candidate });
    if (hasEnded(candidate) && (before === undefined || !hasEnded(before))) {
      happenings.push({ kind: 'ended', candidate, isBest: isBetter(candidate, leader, progress) });
    }
  }
  const { run } = progress;
  if (run !== undefined && run.state !== stateBefore) happenings.push({ kind: 'state', run });
  progress.lastSequence = Math.max(progress.lastSequence, event.sequence);
  return happenings;
}

/** Puts the candidate in as it is now. */
function take(progress: Progress, candidate: Candidate): void {
  const { candidates, open, leader, curve } = progress;
  const before = candidates.get(candidate.candidateId);
  candidates.set(candidate.candidateId, candidate);
  if (hasEnded(candidate)) open.delete(candidate.candidateId);
  else open.set(candidate.candidateId, candidate);
  const lowerIsBetter = lowerIsBetterIn(progress);
  // All compete again only where the leader itself has changed, and an ended candidate hardly ever does.
  const contenders = leader?.candidateId === candidate.candidateId ? candidates.values() : [leader, candidate];
  progress.leader = ranking(
    [...contenders].filter((one) => one !== undefined),
    lowerIsBetter,
  )[0];
  const isNew = before === undefined || !isScored(before);
  if (!isNew || !isScored(candidate) || progress.leader === undefined) return;
  curve.push(progress.leader.searchScore);
  if (curve.length > longestCurve) curve.shift();
}

function lowerIsBetterIn({ run }: Progress): boolean {
  return run?.taskInfo?.lowerIsBetter ?? true;
}

function isBetter(candidate: Candidate, leader: Scored | undefined, progress: Progress): candidate is Scored {
  if (!isScored(candidate)) return false;
  return leader === undefined || beats(candidate.searchScore, leader.searchScore, lowerIsBetterIn(progress));
}

/** What colours mean, so that this file needs none. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly accent: (text: string) => string;
}

/** `mutate ← #3`, `crossover ← #3 × #5`, `draft`. */
function origin(candidate: Candidate, progress: Progress): string {
  const parents = candidate.parentIds.map((id) => parentLabel(id, progress)).join(' × ');
  return parents === '' ? `${candidate.operator ?? '?'}` : `${candidate.operator ?? '?'} ← ${parents}`;
}

function parentLabel(id: string, { candidates }: Progress): string {
  const parent = candidates.get(id);
  return label(id, parent === undefined ? [] : [parent]);
}

/** The line that an ended candidate leaves behind. */
export function endedLine(candidate: Candidate, isBest: boolean, progress: Progress, paint: Paint): string {
  const number = `#${candidate.number}`.padStart(4);
  const from = origin(candidate, progress).padEnd(20);
  if (isScored(candidate)) {
    const value = scoreWithError(candidate.searchScore, candidate.standardError).padEnd(18);
    const mark = isBest ? paint.good('✓') : paint.dim('·');
    const tail = paint.dim(`${duration(candidate.runSeconds).padStart(7)}  ${shorten(oneLine(idea(candidate)), 100)}`);
    return `${mark} ${number}  ${from}  ${isBest ? paint.bold(paint.good(value)) : value}  ${tail}`;
  }
  if (candidate.state === 'quarantined') {
    const why = shorten(oneLine(candidate.failureMessage), 100);
    return `${paint.warn('!')} ${number}  ${from}  ${paint.warn('quarantined'.padEnd(18))}  ${paint.dim(why)}`;
  }
  const detail = shorten(failureDetail(candidate), 100);
  return `${paint.bad('✗')} ${number}  ${from}  ${paint.bad(failureWords(candidate).padEnd(18))}  ${paint.dim(detail)}`;
}

/** The line for a started attempt; only where no live view shows it anyway. */
export function startedLine(candidate: Candidate, progress: Progress, paint: Paint): string {
  const where = candidate.slotId === '' ? '' : ` on ${candidate.slotId}`;
  return paint.dim(`→ ${`#${candidate.number}`.padStart(4)}  ${origin(candidate, progress)} started${where}`);
}

/** The line for a new state of the run. */
export function stateLine(run: Run, paint: Paint): string {
  switch (run.state) {
    case 'running':
      return paint.dim(`run ${run.runId} is running`);
    case 'paused':
      return paint.warn(`run ${run.runId} is paused; doubleblind resume ${run.runId}`);
    case 'sealing':
      return paint.dim('ending: the evaluator is asked for the verdict');
    case 'sealed':
      return paint.dim(`sealed after ${duration(run.elapsedSeconds)}`);
    case 'killed':
      return paint.warn(`killed after ${duration(run.elapsedSeconds)}, without a verdict`);
    case 'unknown':
      return '';
  }
}

/** The lines of the live view. */
export function frame(
  progress: Progress,
  doing: ReadonlyMap<string, string>,
  now: { readonly runSeconds: number; readonly atMs: number },
  paint: Paint,
): string[] {
  const run = progress.run;
  if (run === undefined) return [paint.dim('waiting for the coordinator …')];
  const lines = ['', headline(run, now.runSeconds, paint), bestLine(run, progress, paint)];
  for (const candidate of [...progress.open.values()].sort((left, right) => left.number - right.number)) {
    lines.push(runningLine(candidate, progress, doing.get(candidate.candidateId), now.atMs, paint));
  }
  return lines;
}

function headline(run: Run, seconds: number, paint: Paint): string {
  const metric = run.taskInfo?.metric ?? '';
  const direction = run.taskInfo?.lowerIsBetter === false ? 'higher is better' : 'lower is better';
  const budget = run.options?.wallSeconds ?? 0;
  const time = budget > 0 ? `${duration(seconds)} of ${duration(budget)}` : duration(seconds);
  const state = run.state === 'running' ? time : `${run.state} · ${time}`;
  return `${paint.bold(run.task)} · ${metric} ${paint.dim(`(${direction})`)} · ${state}`;
}

function bestLine(run: Run, progress: Progress, paint: Paint): string {
  const target = run.options?.candidates ?? 0;
  const own = run.candidatesScored - run.inheritedCandidates;
  const scored = target > 0 ? `${own} of ${target} scored` : `${own} scored`;
  const failed = run.attemptsFailed > 0 ? ` · ${run.attemptsFailed} failed` : '';
  const best = progress.leader;
  if (best === undefined) return `${paint.dim('no candidate scored yet')} · ${scored}${failed}`;
  const value = paint.good(scoreWithError(best.searchScore, best.standardError));
  return `best ${value} by #${best.number} · ${scored}${failed}  ${paint.accent(sparkline(progress))}`;
}

function runningLine(
  candidate: Candidate,
  progress: Progress,
  doing: string | undefined,
  atMs: number,
  paint: Paint,
): string {
  const number = `#${candidate.number}`.padStart(4);
  const since = candidate.startedAt ?? candidate.plannedAt;
  const time = since === null ? '' : duration(Math.max(0, (atMs - Date.parse(since)) / 1000));
  const words = candidate.state === 'evaluating' ? 'with the evaluator' : (doing ?? candidate.state);
  const where = candidate.slotId.slice(0, 12).padEnd(6);
  return `${paint.accent('▸')} ${number}  ${origin(candidate, progress).padEnd(20)}  ${where} ${time.padStart(7)}  ${paint.dim(oneLine(words))}`;
}

const bars = '▁▂▃▄▅▆▇█';

/** Best so far, candidate by candidate, as bars: they grow as the search gets better. */
export function sparkline(progress: Progress): string {
  const lowerIsBetter = lowerIsBetterIn(progress);
  const shown = progress.curve;
  const low = Math.min(...shown);
  const high = Math.max(...shown);
  if (shown.length < 2) return '';
  return shown
    .map((value) => {
      const share = high === low ? 1 : (value - low) / (high - low);
      return bars[Math.round((lowerIsBetter ? 1 - share : share) * (bars.length - 1))];
    })
    .join('');
}

/** One line that sums a run up, for lists and closing words. */
export function runSummary(run: Run): string {
  const best = run.bestCandidateId === '' ? 'no score yet' : `best ${score(run.bestSearchScore)}`;
  return `${plural(run.candidatesScored, 'candidate')}, ${best}, ${run.state}`;
}
