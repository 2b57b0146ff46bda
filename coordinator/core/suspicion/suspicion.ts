// Whether a scored candidate may become a parent without a person having looked at it. Pure: the shell brings its program, what it
// printed and what it submitted.
// The detectors read a program's text. A careful cheat gets round them; they are there for what a model does that is rewarded
// for a number, and every hit is evidence for a person, who may release the candidate.

import type { Evidence, Suspicion } from './evidence.ts';
import { farReport, implausibleScore } from './figures.ts';
import { fixedAnswers, hiddenCode } from './fixed-answers.ts';
import { foreignReads } from './foreign-reads.ts';
import { disguisedPrograms, unreadableCode } from './other-code.ts';
import { isProgram, longestProgram, programBytes, readProgram } from './program-text.ts';

/** At most one of each kind; none where it may become a parent. */
export function suspicionsOf(evidence: Evidence): Suspicion[] {
  const files = programBytes(evidence.files) > longestProgram ? [] : evidence.files;
  const named = files.flatMap(({ path, text }) => (text !== undefined && isProgram(path) ? [readProgram(text)] : []));
  const disguised = disguisedPrograms(named, files);
  const programs = [...named, ...disguised];
  return [
    ...implausibleScore(evidence),
    ...fixedAnswers(programs, evidence),
    ...[...hiddenCode(programs), ...unreadableCode(programs, files)].slice(0, 1),
    ...foreignReads(programs),
    ...farReport(evidence),
    ...unexamined(evidence),
  ];
}

/** Otherwise a cheat would only have to lay something large beside its program. */
function unexamined({ unexamined: why }: Evidence): Suspicion[] {
  // The words may hold a name out of the solution.
  return why === undefined ? [] : [{ kind: 'cannot be examined', evidence: why.replace(/[^ -~]/g, '?').slice(0, 200) }];
}

/** As the reason of a quarantine. */
export function describeSuspicions(suspicions: readonly Suspicion[]): string {
  return suspicions.map(({ kind, evidence }) => `${kind}: ${evidence}`).join('; ');
}
