// `npm run bench -- ablation-simulated [--slots N] [--seeds N]`: SIMULATED. The coordinator's own core searches a made-up landscape
// for 72 virtual hours with 1 to 4,096 slots, with hidden evaluation and with candidates that report their own metric, some of
// them wrongly. Gains, durations, failures and noise are drawn from recorded runs (bench/main-calibrate.ts).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Calibration } from './landscape/calibration.ts';
import { assumptions } from './landscape/landscape.ts';
import { playRun, type RunOutcome, type Scoring } from './landscape/search-run.ts';
import { lineChart } from './line-chart.ts';
import { type BenchReport, textTable, writeResults } from './results.ts';
import { spreadOf } from './statistics.ts';

const hours = 72;
const slotCounts = [1, 4, 16, 64, 256, 1024, 4096];
const scorings: readonly Scoring[] = ['hidden', 'own'];
const defaultSeeds = 5;
/** Runs of that many slots make 10⁵ attempts and more: one seed says enough. */
const manySlots = 1024;

interface Row {
  readonly slots: number;
  readonly scoring: Scoring;
  readonly outcomes: readonly RunOutcome[];
}

/** `npm run bench -- ablation-simulated [--slots MOST] [--seeds N]`. */
export function benchAblationSimulated(words: readonly string[]): Promise<BenchReport> {
  const after = (flag: string, otherwise: number): number =>
    words.includes(flag) ? Number(words[words.indexOf(flag) + 1]) : otherwise;
  const [most, seeds] = [after('--slots', Number.POSITIVE_INFINITY), after('--seeds', defaultSeeds)];
  if (!(most >= 1) || !(seeds >= 1)) throw new RangeError('takes --slots MOST and --seeds N');
  const path = join(import.meta.dirname, 'ablation-calibration.json');
  const known = JSON.parse(readFileSync(path, 'utf8')) as Calibration;
  const rows: Row[] = [];
  for (const slots of slotCounts.filter((count) => count <= most)) {
    for (const scoring of scorings) {
      const count = slots >= manySlots ? 1 : seeds;
      const seedOf = (seed: number): string => `${slots} ${seed}`;
      const outcomes = Array.from({ length: count }, (_, seed) =>
        playRun({ slots, hours, scoring, seed: seedOf(seed) }, known, assumptions),
      );
      rows.push({ slots, scoring, outcomes });
      process.stderr.write(`… simulated: ${lineOf({ slots, scoring, outcomes }).join('  ')}\n`);
    }
  }
  return Promise.resolve(report(rows, known));
}

function figure({ outcomes }: Row, of: (outcome: RunOutcome) => number, digits: number): string {
  const { median, low, high } = spreadOf(outcomes.map(of));
  return outcomes.length === 1
    ? median.toFixed(digits)
    : `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

const names: Readonly<Record<Scoring, string>> = { hidden: 'hidden evaluation', own: 'own metric' };

function lineOf(row: Row): string[] {
  return [
    `${row.slots}, ${names[row.scoring]}`,
    figure(row, ({ attempts }) => attempts / hours, 1),
    figure(row, ({ best }) => best, 2),
    figure(row, ({ handedIn }) => handedIn, 2),
    figure(row, ({ gap }) => gap, 2),
    figure(row, ({ processorMicroseconds }) => processorMicroseconds, 0),
  ];
}

function report(rows: readonly Row[], known: Calibration): BenchReport {
  const head = [
    'SIMULATED: slots',
    'attempts/h',
    'best true',
    'handed in, true',
    'reported − true',
    'processor µs an attempt',
  ];
  const line = (label: string, scoring: Scoring, of: (outcome: RunOutcome) => number) => ({
    label,
    points: rows
      .filter((row) => row.scoring === scoring)
      .map((row) => ({ x: row.slots, y: spreadOf(row.outcomes.map(of)).median })),
  });
  const svg = lineChart({
    title: `SIMULATED: ${hours} hours of search, calibrated from recorded runs`,
    xLabel: 'slots',
    yLabel: 'standard deviations of drafts',
    xScale: 'log',
    lines: [
      line('handed in, hidden evaluation', 'hidden', ({ handedIn }) => handedIn),
      line('handed in, own metric', 'own', ({ handedIn }) => handedIn),
      line('reported − true, hidden', 'hidden', ({ gap }) => gap),
      line('reported − true, own metric', 'own', ({ gap }) => gap),
    ],
  });
  const path = writeResults(
    'ablation-simulated',
    { simulated: true, hours, assumptions, calibration: known, rows },
    svg,
  );
  const { ceiling, attemptHours, wrongShare, wrongBy } = assumptions;
  const lead =
    `A SIMULATION: the real core over a made-up landscape, ${hours} virtual hours; scores in standard deviations of drafts, median (range) over seeds.\n` +
    `Recorded: gains, noise, failures and the spread of durations of ${recorded(known)}.\n` +
    `Assumed: no score above ${ceiling}; an attempt takes ${attemptHours} h (median); ${100 * wrongShare} % of changes make a program's own metric wrong, by ${wrongBy} in the mean, and children keep that.\n`;
  return { text: `${lead}${textTable([head, ...rows.map(lineOf)])}${path}\n`, broken: [] };
}

/** `32 candidates of digits in 2 runs, …` */
function recorded({ runs }: Calibration): string {
  const tasks = [...new Set(runs.map(({ task }) => task))];
  const texts = tasks.map((task) => {
    const own = runs.filter((run) => run.task === task);
    const scored = own.reduce((sum, run) => sum + run.scored, 0);
    return `${scored} candidates of ${task} in ${own.length} ${own.length === 1 ? 'run' : 'runs'}`;
  });
  return texts.join(', ');
}
