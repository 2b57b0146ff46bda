// `npm run bench -- selection [RUNS]`: what is said of the candidate that a run hands in, beside what it is worth, over
// simulated runs in which the worth of every candidate is known. The choice is the evaluator's own code. Beside the seal stand
// what a search without hidden validation labels would say and do, and the best validation score as it is.

import { type ChoiceOutcome, type ChoiceSetting, simulateChoice } from '../test/support/winners-curse.ts';
import { type BenchReport, barChart, textTable, writeResults } from './results.ts';

const defaultRuns = 200;
/** What we promise of the seal: its bias, in standard errors of a score. */
const promisedBias = 0.25;

const settings: readonly (ChoiceSetting & { readonly name: string })[] = [
  { name: 'a point apart', candidates: 200, finalists: 10, rows: 1000, meanWorth: 0.75, spreadOfWorth: 0.01 },
  { name: 'all alike', candidates: 200, finalists: 10, rows: 1000, meanWorth: 0.75, spreadOfWorth: 0 },
  { name: 'few rows', candidates: 200, finalists: 10, rows: 200, meanWorth: 0.75, spreadOfWorth: 0.01 },
  { name: 'few candidates', candidates: 20, finalists: 10, rows: 1000, meanWorth: 0.75, spreadOfWorth: 0.01 },
];

const rules = {
  argmax: 'best search score',
  unmended: 'best validation score of the finalists',
  seal: "the seal's verdict",
} as const;
type Rule = keyof typeof rules;

interface Row {
  readonly setting: ChoiceSetting & { readonly name: string };
  readonly rule: Rule;
  /** Means over the runs, in points; the error is that of the mean. */
  readonly bias: number;
  readonly biasError: number;
  readonly biasInStandardErrors: number;
  readonly regret: number;
  readonly regretError: number;
}

function meanOf(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}

function rowOf(setting: Row['setting'], rule: Rule, outcomes: readonly ChoiceOutcome[]): Row {
  const bias = meanOf(outcomes.map(({ luck }) => luck));
  const regret = meanOf(outcomes.map((outcome) => outcome.regret));
  const standardError = meanOf(outcomes.map((outcome) => outcome.standardError)).mean;
  return {
    ...{ setting, rule, bias: bias.mean, biasError: bias.error, biasInStandardErrors: bias.mean / standardError },
    ...{ regret: regret.mean, regretError: regret.error },
  };
}

/** Over `runs` runs of each setting. */
function measure(runs: number): Row[] {
  return settings.flatMap((setting) => {
    const choices = Array.from({ length: runs }, (_, run) => simulateChoice(`${setting.name} ${run}`, setting));
    return (Object.keys(rules) as Rule[]).map((rule) =>
      rowOf(
        setting,
        rule,
        choices.map((choice) => choice[rule]),
      ),
    );
  });
}

/** `npm run bench -- selection [RUNS]`. */
export function benchSelection(words: readonly string[]): Promise<BenchReport> {
  const runs = Number(words[0] ?? defaultRuns);
  if (!(runs >= 2)) throw new RangeError('takes a number of runs, at least 2');
  const rows = measure(runs);
  const lines = rows.map(({ setting, rule, bias, biasError, biasInStandardErrors, regret, regretError }) => [
    `${setting.name} (${setting.candidates} candidates, ${setting.rows} rows): ${rules[rule]}`,
    `${bias.toFixed(2)} ± ${biasError.toFixed(2)}`,
    biasInStandardErrors.toFixed(2),
    `${regret.toFixed(2)} ± ${regretError.toFixed(2)}`,
  ]);
  const bars = rows.map(({ setting, rule, bias }) => ({
    label: `${setting.name}: ${rule === 'unmended' ? 'validation' : rule}`,
    value: Math.max(0, bias),
    series: Object.keys(rules).indexOf(rule),
  }));
  const svg = barChart(
    `Simulated: reported less true accuracy, mean of ${runs} runs (below 0 drawn as 0)`,
    'points',
    bars,
  );
  const path = writeResults('selection', { simulated: true, runs, rows }, svg);
  const head = ['simulated runs: rule', 'bias, points', 'in standard errors', 'regret, points'];
  const text = `Simulated candidates of known accuracy, ${runs} runs a row; mean ± its standard error.\n${textTable([head, ...lines])}${path}\n`;
  const broken = rows
    .filter(({ rule, biasInStandardErrors }) => rule === 'seal' && Math.abs(biasInStandardErrors) > promisedBias)
    .map(
      ({ setting, biasInStandardErrors }) => `${setting.name}: the seal is off by ${biasInStandardErrors.toFixed(2)}`,
    );
  return Promise.resolve({ text, broken });
}
