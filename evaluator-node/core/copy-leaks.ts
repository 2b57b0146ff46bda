// Features that are the target in disguise, without being equal to it: another scale, a monotone function of it, or
// arithmetic modulo a number. Each finding says what was seen in how many rows.

import { averageRanks, correlation } from './rank-correlation.ts';

export interface LeakFinding {
  readonly severity: 'refuse' | 'warn';
  readonly message: string;
}

/** Fewer rows with numbers than this say nothing of a column. */
const fewestRows = 20;
/** A rank correlation that is no honest feature's: rounded copies reach it, the best packaged feature has 0.96. */
const nearlyAll = 0.9995;

interface Pairs {
  readonly name: string;
  readonly values: Float64Array;
  readonly truth: Float64Array;
}

/** A feature of numbers beside a target of numbers, rows without either left out; undefined where it is no such feature. */
function pairsOf(name: string, texts: readonly string[], truth: Float64Array): Pairs | undefined {
  const rows: number[] = [];
  texts.forEach((text, row) => {
    if (text !== '' && Number.isFinite(truth[row] ?? Number.NaN)) rows.push(row);
  });
  const values = Float64Array.from(rows, (row) => Number(texts[row]));
  if (rows.length < Math.max(fewestRows, texts.length / 2) || !values.every(Number.isFinite)) return;
  return { name: JSON.stringify(name), values, truth: Float64Array.from(rows, (row) => truth[row] ?? 0) };
}

/** The disguise of a column, where it has one. */
export function copyFinding(
  name: string,
  texts: readonly string[],
  truth: Float64Array,
  classification: boolean,
): LeakFinding | undefined {
  const pairs = pairsOf(name, texts, truth);
  if (pairs === undefined) return;
  return (
    (classification ? undefined : monotoneCopy(pairs)) ??
    residueCopy(pairs) ??
    (classification ? undefined : steppedCopy(pairs))
  );
}

function monotoneCopy({ name, values, truth }: Pairs): LeakFinding | undefined {
  const rows = values.length;
  if (Math.abs(correlation(values, truth)) > 1 - 1e-10) {
    return {
      severity: 'refuse',
      message: `column ${name} is a linear copy of the target (correlation 1 in ${rows} rows)`,
    };
  }
  const rank = correlation(averageRanks(values), averageRanks(truth));
  if (Math.abs(rank) > 1 - 1e-10) {
    const message = `column ${name} is a copy of the target on another scale: it rises or falls with it in all ${rows} rows (rank correlation 1)`;
    return { severity: 'refuse', message };
  }
  if (!(Math.abs(rank) > nearlyAll)) return;
  const message = `column ${name} follows the target almost everywhere (rank correlation ${rank.toFixed(5)} in ${rows} rows); is it made from it?`;
  return { severity: 'warn', message };
}

/** Moduli that are tried: small ones, and round ones in base ten and two. */
const moduli = [...Array(99).keys()].map((at) => at + 2).concat(128, 200, 256, 500, 512, 1000, 1024);
/** Rows of a remainder, in the mean, that must all agree. */
const rowsOfRemainder = 10;

/** A whole number whose remainder tells the target: an identifier with the label in it, or an honest period. */
function residueCopy({ name, values, truth }: Pairs): LeakFinding | undefined {
  if (!values.every(Number.isSafeInteger) || new Set(truth).size < 2) return;
  const different = new Set(values).size;
  for (const modulus of moduli) {
    // Where there are no more values than remainders, the values themselves tell it, which is another finding.
    if (different <= modulus || values.length < modulus * rowsOfRemainder) continue;
    if (!remainderTells(values, truth, modulus)) continue;
    const message = `column ${name} holds the target in its remainder by ${modulus}: all rows of each remainder have one label (${values.length} rows)`;
    return { severity: 'warn', message };
  }
  return;
}

function remainderTells(values: Float64Array, truth: Float64Array, modulus: number): boolean {
  const labels = new Map<number, number>();
  let repeated = 0;
  for (let row = 0; row < values.length; row += 1) {
    const remainder = (((values[row] ?? 0) % modulus) + modulus) % modulus;
    const known = labels.get(remainder);
    if (known === undefined) labels.set(remainder, truth[row] ?? 0);
    else if (known !== truth[row]) return false;
    else repeated += 1;
  }
  return repeated > values.length / 2 && new Set(labels.values()).size > 1;
}

/** Pairs of neighbouring targets that must agree on the steps of the column. */
const fewestSteps = 50;

/** (a · target + b) mod m: equal steps of the target are one of two steps of the column, by whether it wraps. */
function steppedCopy({ name, values, truth }: Pairs): LeakFinding | undefined {
  if (!values.every(Number.isSafeInteger) || !truth.every(Number.isSafeInteger)) return;
  const order = [...values.keys()].sort((left, right) => (truth[left] ?? 0) - (truth[right] ?? 0));
  const stepsOf = new Map<number, Map<number, number>>();
  for (let at = 1; at < order.length; at += 1) {
    const [before = 0, after = 0] = [order[at - 1], order[at]];
    const gap = (truth[after] ?? 0) - (truth[before] ?? 0);
    const step = (values[after] ?? 0) - (values[before] ?? 0);
    if (gap === 0 && step !== 0) return;
    if (gap === 0) continue;
    const steps = stepsOf.get(gap) ?? new Map<number, number>();
    stepsOf.set(gap, steps.set(step, (steps.get(step) ?? 0) + 1));
  }
  let agreeing = 0;
  for (const steps of stepsOf.values()) {
    if (steps.size > 2) return;
    // The first of each step is no evidence: it could be anything.
    for (const count of steps.values()) agreeing += count - 1;
  }
  if (agreeing < fewestSteps) return;
  const message = `column ${name} is arithmetic of the target modulo a number: equal steps of the target are equal steps of it (${agreeing} pairs of rows)`;
  return { severity: 'refuse', message };
}
