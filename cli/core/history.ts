// What a list of candidates tells: who was best when, who ranks where, which generation somebody is of.

import type { Candidate, Run, Verdict } from './model.ts';

/** A candidate with a search score. */
export interface Scored extends Candidate {
  readonly searchScore: number;
}

export function isScored(candidate: Candidate): candidate is Scored {
  return candidate.state === 'scored' && candidate.searchScore !== null;
}

/** True where the attempt has come to its end, one way or the other. */
export function hasEnded(candidate: Candidate): boolean {
  return candidate.state === 'scored' || candidate.state === 'failed' || candidate.state === 'quarantined';
}

/** Better first, by search score; the earlier one first among equals. */
export function ranking(candidates: readonly Candidate[], lowerIsBetter: boolean): Scored[] {
  const sign = lowerIsBetter ? 1 : -1;
  return candidates
    .filter(isScored)
    .sort((left, right) => sign * (left.searchScore - right.searchScore) || left.number - right.number);
}

/** True where `score` beats `other`. */
export function beats(score: number, other: number, lowerIsBetter: boolean): boolean {
  return lowerIsBetter ? score < other : score > other;
}

/** A step of the best-so-far curve. */
export interface CurvePoint {
  /** Seconds since the run was created. */
  readonly seconds: number;
  readonly score: number;
  readonly candidate: Scored;
}

/** Seconds between the run's creation and a later time; undefined where one of them is missing. */
export function secondsInto(run: Pick<Run, 'createdAt'>, at: string | null): number | undefined {
  if (run.createdAt === null || at === null) return undefined;
  return Math.max(0, (Date.parse(at) - Date.parse(run.createdAt)) / 1000);
}

/** Scored candidates in the order of their ends. */
export function byEnd(run: Pick<Run, 'createdAt'>, candidates: readonly Candidate[]): Scored[] {
  const end = (candidate: Candidate): number => secondsInto(run, candidate.endedAt) ?? 0;
  return candidates.filter(isScored).sort((left, right) => end(left) - end(right) || left.number - right.number);
}

/** The points at which the best search score improved. */
export function bestSoFar(run: Run, candidates: readonly Candidate[], lowerIsBetter: boolean): CurvePoint[] {
  const points: CurvePoint[] = [];
  for (const candidate of byEnd(run, candidates)) {
    const last = points.at(-1);
    if (last !== undefined && !beats(candidate.searchScore, last.score, lowerIsBetter)) continue;
    points.push({
      seconds: secondsInto(run, candidate.endedAt) ?? 0,
      score: candidate.searchScore,
      candidate,
    });
  }
  return points;
}

/** `#7`: of the candidate where it is known, else from the end of its id, RUN-0007. An id without a number is shown in part. */
export function label(candidateId: string, candidates: readonly Candidate[]): string {
  const found = candidates.find((candidate) => candidate.candidateId === candidateId);
  const number = found?.number ?? /-(\d{4,})$/.exec(candidateId)?.[1];
  return number === undefined ? candidateId.slice(0, 12) : `#${Number(number)}`;
}

/** `#3 × #5`, `#3`, or a dash for a draft. */
export function parentLabels(candidate: Candidate, candidates: readonly Candidate[]): string {
  if (candidate.parentIds.length === 0) return '–';
  return candidate.parentIds.map((id) => label(id, candidates)).join(' × ');
}

/** The first line of the note, which is the idea, after the candidate that it repeats; empty where there is none. */
export function idea(candidate: Candidate): string {
  // Ids end with the number within the run.
  const [, original] = /(\d+)$/.exec(candidate.duplicateOf) ?? [];
  const own = ownIdea(candidate);
  return original === undefined ? own : `repeats #${Number(original)}${own === '' ? '' : `: ${own}`}`;
}

function ownIdea(candidate: Candidate): string {
  const lines = candidate.note.split('\n').map((line) => line.trim());
  const first = lines.find((line) => line !== '') ?? '';
  const words = first.replace(/^(#+\s*|[-*]\s+)?(\*\*)?idea(\*\*)?:\s*(\*\*)?/i, '');
  // The operator stands beside it wherever an idea is shown.
  const prefix = `${candidate.operator ?? ''}: `;
  return words.toLowerCase().startsWith(prefix) ? words.slice(prefix.length) : words;
}

/** Why a finished run ended, in words. */
export function endReasonWords(run: Run): string {
  const words: Readonly<Record<string, string>> = {
    candidates: 'the wanted number of candidates is there',
    'wall-clock': 'the time is used',
    dollars: 'the money is used',
    tokens: 'the tokens are used',
    'slot-hours': 'the slot-hours are used',
    'score-queries': 'the scores that the task allows a run are used',
    cancelled: 'it was cancelled',
  };
  return words[run.endReason] ?? run.endReason;
}

/** The winner, where there is one. */
export function winnerOf(verdict: Verdict | null, candidates: readonly Candidate[]): Candidate | undefined {
  if (verdict === null || verdict.winnerId === '') return undefined;
  return candidates.find((candidate) => candidate.candidateId === verdict.winnerId);
}

/** Seconds from the run's creation to the candidate's end; 0 where it has not ended. */
export function endedSeconds(run: Pick<Run, 'createdAt'>, candidate: Candidate): number {
  return secondsInto(run, candidate.endedAt) ?? 0;
}
