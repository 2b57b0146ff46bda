// A made-up but plausible run for tests: seeded, so equal arguments give equal runs.

import { nextFloat, nextInt, nextNormal, type Rng, seedRng } from '../../shared/core/rng.ts';
import { type FailureReason, noUsage, type Operator } from '../../shared/core/vocabulary.ts';
import type { Candidate, Finalist, Run, Task, Verdict } from '../core/model.ts';
import type { ReportData } from '../report/report-data.ts';

const start = Date.parse('2026-03-01T09:00:00Z');
const noArtifacts = { solutionDigest: '', submissionDigest: '', logDigest: '', transcriptDigest: '' };

export const sampleTask: Task = {
  name: 'digits',
  version: 'a'.repeat(64),
  title: 'Handwritten digits',
  metric: 'log-loss',
  lowerIsBetter: true,
  idColumn: 'id',
  predictionColumns: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  targetColumn: 'digit',
  bundleDigest: 'b'.repeat(64),
  bundleBytes: 431_104,
  description: '# Digits\n',
  source: 'UCI Machine Learning Repository, Optical Recognition of Handwritten Digits',
  licence: 'CC BY 4.0',
  trainRows: 1437,
  testRows: 360,
  refit: true,
  splitStrategy: 'stratified',
};

const ideas = [
  'Standardise the pixels and fit a multinomial logistic regression.',
  'Gradient boosting on pixel sums by row and column beside the raw pixels; smaller learning rate, twice the trees.',
  'Average an RBF support vector machine with k nearest neighbours in PCA space, then calibrate the probabilities.',
  'Random forest with 600 trees, minimum leaf 2.',
  'Extra trees on the raw pixels and their horizontal gradients.',
];

const failures: readonly (readonly [FailureReason, string])[] = [
  [
    'crash',
    'main.py ended with status 1.\nTraceback (most recent call last):\n  File "main.py", line 31\nValueError: Found array with 0 sample(s) while a minimum of 1 is required.',
  ],
  ['timeout', 'main.py was stopped after 60.0 s, the limit of the clean-slate run.'],
  ['badSubmission', 'Line 12: the probability 1.2 in column "3" is above 1.'],
];

export interface SampleOptions {
  readonly candidates: number;
  readonly seed?: number;
  /** Put into every note, message and name, to see that nothing of it gets through. */
  readonly hostile?: string;
  readonly sealed?: boolean;
}

function iso(seconds: number): string {
  return new Date(start + seconds * 1000).toISOString();
}

/** A candidate with every field; give what matters. */
export function sampleCandidate(fields: Partial<Candidate> = {}): Candidate {
  return {
    candidateId: 'c-1',
    runId: 'r-sample',
    number: 1,
    operator: 'draft',
    parentIds: [],
    state: 'scored',
    searchScore: 0.2,
    standardError: 0.02,
    failureReason: null,
    failureMessage: '',
    host: 'local',
    slotId: 'cpu-0',
    epoch: 1,
    artifacts: noArtifacts,
    usage: { ...noUsage, wallSeconds: 14, peakMemoryBytes: 210 * 2 ** 20, cpuSeconds: 12, slotSeconds: 9, turns: 6 },
    runSeconds: 4.2,
    note: 'Idea: a forest\nChanges: none',
    plannedAt: iso(0),
    startedAt: iso(1),
    endedAt: iso(15),
    wasBest: false,
    duplicateOf: '',
    duplicateBy: '',
    inheritedFrom: '',
    ...fields,
  };
}

/** A run with every field; give what matters. */
export function sampleRun(fields: Partial<Run> = {}): Run {
  return {
    runId: 'r-sample',
    task: 'digits',
    state: 'running',
    endReason: '',
    options: null,
    createdAt: iso(0),
    sealedAt: null,
    endedAt: null,
    attemptsPlanned: 0,
    attemptsRunning: 0,
    candidatesScored: 0,
    attemptsFailed: 0,
    bestCandidateId: '',
    bestSearchScore: 0,
    usage: noUsage,
    verdict: null,
    taskInfo: sampleTask,
    lastSequence: 0,
    elapsedSeconds: 0,
    forkedFrom: '',
    inheritedCandidates: 0,
    owner: '',
    ownerQuota: 0,
    ownerAttemptsRunning: 0,
    ...fields,
  };
}

function operatorOf(rng: Rng, number: number, scored: readonly Candidate[]): Operator {
  if (number <= 4 || scored.length === 0) return 'draft';
  const roll = nextFloat(rng);
  if (roll < 0.1) return 'draft';
  return roll < 0.3 && scored.length > 1 ? 'crossover' : 'mutate';
}

function makeCandidates(options: SampleOptions): Candidate[] {
  const rng = seedRng(options.seed ?? 1);
  const hostile = options.hostile ?? '';
  const slots = [0, 0, 0, 0];
  const out: Candidate[] = [];
  let best = Number.POSITIVE_INFINITY;
  for (let number = 1; number <= options.candidates; number += 1) {
    const slot = slots.indexOf(Math.min(...slots));
    const from = (slots[slot] ?? 0) + 0.2;
    const to = from + 8 + 14 * nextFloat(rng);
    slots[slot] = to;
    const scored = out.filter((one) => one.state === 'scored' && Date.parse(one.endedAt ?? '') <= start + from * 1000);
    const operator = operatorOf(rng, number, scored);
    const ranked = [...scored].sort((left, right) => (left.searchScore ?? 9) - (right.searchScore ?? 9));
    const parents =
      operator === 'draft'
        ? []
        : operator === 'crossover'
          ? [ranked[0], ranked[1]]
          : [ranked[Math.min(ranked.length - 1, nextInt(rng, 3))]];
    const parentIds = parents.flatMap((parent) => (parent === undefined ? [] : [parent.candidateId]));
    const base = {
      candidateId: `c-${String(number).padStart(4, '0')}${hostile}`,
      number,
      operator,
      parentIds,
      slotId: `cpu-${slot}`,
      plannedAt: iso(from),
      startedAt: iso(from),
      endedAt: iso(to),
      runSeconds: (to - from) / 3,
      note: `Idea: ${ideas[nextInt(rng, ideas.length)]}${hostile}\nChanges: model family and depth\nExpectation: a little better`,
    };
    const failure = failures[nextInt(rng, failures.length)];
    if (nextFloat(rng) < 0.15 && failure !== undefined) {
      out.push(
        sampleCandidate({
          ...base,
          state: 'failed',
          searchScore: null,
          failureReason: failure[0],
          failureMessage: failure[1] + hostile,
        }),
      );
      continue;
    }
    const parentScore = parents[0]?.searchScore ?? 0.45 + 0.5 * nextFloat(rng);
    const searchScore = Math.max(0.04, parentScore * (1 + 0.12 * nextNormal(rng) - 0.06) + (number % 17 === 0 ? 3 : 0));
    out.push(sampleCandidate({ ...base, searchScore, standardError: 0.1 * searchScore, wasBest: searchScore < best }));
    best = Math.min(best, searchScore);
  }
  return out;
}

function sampleVerdict(finalists: readonly Finalist[], ranked: readonly Candidate[], hostile: string): Verdict {
  const winner = finalists[0];
  return {
    runId: 'r-sample',
    winnerId: winner?.candidateId ?? '',
    finalists,
    notes: [],
    finalScore: (winner?.validationScore ?? 0) + 0.001,
    ensemble: {
      members: ranked.slice(0, 2).map(({ candidateId }, index) => ({ candidateId, weight: index === 0 ? 0.75 : 0.25 })),
      rule: 'mean of the predictions',
      searchScore: (winner?.searchScore ?? 0) * 0.99,
      validationScore: (winner?.validationScore ?? 0) * 0.995,
      validationStandardError: 0.012,
      probabilityBetter: 0.71,
      selected: false,
      testScore: null,
    },
    searchWinnerId: winner?.candidateId ?? '',
    searchWinnerValidationScore: winner?.validationScore ?? 0,
    intervalLow: (winner?.validationScore ?? 0) - 0.021,
    intervalHigh: (winner?.validationScore ?? 0) + 0.025,
    baselineValidationScore: 2.31,
    baselineSearchScore: 2.3,
    baselineName: `class frequencies of the training labels${hostile}`,
    ledgerHead: 'c'.repeat(64),
    metric: 'log-loss',
    lowerIsBetter: true,
    validationRows: 180,
    hasFinalSubmission: true,
  };
}

/** A whole run with its candidates, as a report gets them. */
export function sampleReport(options: SampleOptions): ReportData {
  const candidates = makeCandidates(options);
  const hostile = options.hostile ?? '';
  const scored = candidates.filter((one) => one.searchScore !== null);
  const ranked = [...scored].sort((left, right) => (left.searchScore ?? 9) - (right.searchScore ?? 9));
  const finalists: Finalist[] = ranked.slice(0, 10).map((candidate, index) => ({
    candidateId: candidate.candidateId,
    searchScore: candidate.searchScore ?? 0,
    validationScore: (candidate.searchScore ?? 0) * (1.12 + 0.02 * index),
    validationStandardError: 0.012,
    probabilityBest: index === 0 ? 0.61 : 0.39 / 9,
    testScore: index < 3 ? (candidate.searchScore ?? 0) * 1.1 : null,
  }));
  const elapsedSeconds = Math.max(0, ...candidates.map((one) => (Date.parse(one.endedAt ?? '') - start) / 1000));
  const sealed = options.sealed ?? true;
  const run = sampleRun({
    state: sealed ? 'sealed' : 'running',
    endReason: sealed ? 'candidates' : '',
    sealedAt: sealed ? iso(elapsedSeconds + 1) : null,
    endedAt: sealed ? iso(elapsedSeconds + 1) : null,
    attemptsPlanned: candidates.length,
    candidatesScored: scored.length,
    attemptsFailed: candidates.length - scored.length,
    bestCandidateId: ranked[0]?.candidateId ?? '',
    bestSearchScore: ranked[0]?.searchScore ?? 0,
    usage: {
      wallSeconds: 700,
      peakMemoryBytes: 210 * 2 ** 20,
      cpuSeconds: 512,
      slotSeconds: 388,
      turns: candidates.length * 6,
      inputTokens: 81_200,
      outputTokens: 14_500,
      dollars: 0,
    },
    taskInfo: { ...sampleTask, title: sampleTask.title + hostile },
    elapsedSeconds,
    verdict: !sealed ? null : sampleVerdict(finalists, ranked, hostile),
  });
  const text = `# recipe: {"family": "svm"}\nimport pandas as pd\nfrom sklearn.svm import SVC\n\n\ndef main() -> None:\n    """Fits and predicts.${hostile}"""\n    train = pd.read_csv('/data/train.csv')\n    model = SVC(C=8.0, probability=True, random_state=7)  # C from a quick check\n    model.fit(train.drop(columns=['id', 'digit']), train['digit'])\n\n\nif __name__ == '__main__':\n    main()\n`;
  return {
    run,
    candidates,
    winnerFiles: [
      { path: 'main.py', text },
      { path: `notes${hostile}.txt`, text: hostile },
    ],
    models: ['offline-policy'],
    transcriptsRead: candidates.length,
    transcripts: candidates.length,
    generatedAt: '2026-03-01T09:10:00.000Z',
    version: '0.1.0',
  };
}
