// How far an attempt is: a fold of the steps taken so far. The policy is stateless, so this is its whole memory.

import { type CheckReport, failed, readCheck } from './check.ts';
import type { Step } from './conversation.ts';
import { type Facts, readFacts } from './facts.ts';
import { type LabReport, readReport } from './lab.ts';
import { type Recipe, readRecipe } from './recipe.ts';

export const mainPath = '/work/solution/main.py';
export const labPath = '/work/lab.py';

/** A version of main.py that was written in this attempt. */
export interface Version {
  readonly recipe: Recipe;
  check: CheckReport | undefined;
  rehearsed: boolean;
  /** The observation of a failure; empty where there was none. */
  trouble: string;
}

/** What an attempt has done so far. */
export interface Progress {
  looks: number;
  facts: Facts | undefined;
  lookTrouble: string;
  labWritten: boolean;
  labReport: LabReport | undefined;
  labTroubles: string[];
  readonly versions: Version[];
  /** The answer to a submit that was not accepted; empty where there was none since the last version. */
  refusal: string;
}

/** Folds the steps of a conversation. */
export function progressOf(steps: readonly Step[]): Progress {
  const progress: Progress = {
    looks: 0,
    facts: undefined,
    lookTrouble: '',
    labWritten: false,
    labReport: undefined,
    labTroubles: [],
    versions: [],
    refusal: '',
  };
  for (const step of steps) note(progress, step);
  return progress;
}

function note(progress: Progress, step: Step): void {
  if (step.tool === 'submit') {
    progress.refusal = step.observation;
    return;
  }
  if (step.tool === 'write_file') {
    noteWriting(progress, step);
    return;
  }
  const code = String(step.input['code'] ?? step.input['command'] ?? '');
  if (code.includes('# Look at the data')) {
    progress.looks += 1;
    progress.facts = readFacts(step.observation) ?? progress.facts;
    progress.lookTrouble = step.observation;
  } else if (code.includes('lab.compare(')) {
    progress.labReport = readReport(step.observation);
    if (progress.labReport === undefined) {
      progress.labTroubles.push(step.observation);
      progress.labWritten = false;
    }
  } else if (code.includes('main.main(')) {
    noteTrial(progress, step.observation);
  }
}

function noteWriting(progress: Progress, step: Step): void {
  const path = step.input['path'];
  if (path === labPath) progress.labWritten = true;
  if (path !== mainPath) return;
  const recipe = readRecipe(String(step.input['content'] ?? ''));
  if (recipe === undefined) return;
  progress.versions.push({ recipe, check: undefined, rehearsed: false, trouble: '' });
  progress.refusal = '';
}

function noteTrial(progress: Progress, observation: string): void {
  const version = progress.versions.at(-1);
  if (version === undefined) return;
  version.check = readCheck(observation);
  // Whatever came, if the rehearsal did not say that it wrote its answers, it failed.
  version.rehearsed = /^wrote \d+ × \d+ answers/m.test(observation) && !failed(observation);
  version.trouble = version.rehearsed ? '' : observation;
}

/** The last lines of a failure that say what it was, for a thought. */
export function lastError(observation: string): string {
  const lines = observation
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('['));
  const error = lines.findLast((line) => /^[A-Za-z_.]*(Error|Exception|Warning|Interrupt)\b/.test(line));
  return (error ?? lines.at(-1) ?? 'no output').slice(0, 240);
}
